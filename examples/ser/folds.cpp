// SPDX-License-Identifier: MIT
#include "folds.hpp"

#include <algorithm>
#include <cstddef>
#include <set>
#include <tshift/train/random.hpp>

#include "error.hpp"

namespace ser {
namespace {

/// The group of each sample, by number; and their names.
struct grouping {
  std::vector<std::size_t> of;
  std::vector<std::string> names;
};

grouping by_name(dataset const& data) {
  grouping result{{}, data.groups()};
  for (sample const& each : data.samples) {
    result.of.push_back(static_cast<std::size_t>(std::ranges::find(result.names, each.group) - result.names.begin()));
  }
  return result;
}

grouping by_chance(dataset const& data, index_t count, std::uint64_t seed) {
  grouping result{std::vector<std::size_t>(data.samples.size()), {}};
  for (index_t k = 0; k < count; ++k) result.names.push_back(std::to_string(k + 1));
  std::vector<index_t> order(data.samples.size());
  tshift::train::random_stream(seed, tshift::train::purposes::own).permutation(order);
  std::vector<std::size_t> next(data.labels.size());
  for (index_t const i : order) {
    auto const at = static_cast<std::size_t>(i);
    std::size_t& turn = next[static_cast<std::size_t>(data.samples[at].label)];
    result.of[at] = turn++ % static_cast<std::size_t>(count);
  }
  return result;
}

}  // namespace

std::vector<fold> make_folds(dataset const& data, index_t count, bool dev, std::uint64_t seed) {
  bool const named = data.groups().size() > 1;
  if (!named && count == 0) {
    throw ser_error(
        "no speakers or sessions are known, of which folds could be made; --folds K makes K by chance, and then the same "
        "speaker may be trained and tested on");
  }
  if (named && count != 0) {
    throw usage_error("--folds: folds are made of the " + std::to_string(data.groups().size()) +
                      " groups that the data has");
  }
  grouping const groups = named ? by_name(data) : by_chance(data, count, seed);
  std::size_t const all = groups.names.size(), needed = dev ? 3 : 2;
  if (all < needed) {
    throw ser_error(std::to_string(all) + " groups, must be " + std::to_string(needed) +
                    " or more: one is tested, one " +
                    (dev ? "chooses the epoch, the others are trained on" : "trained on"));
  }
  std::vector<fold> result;
  for (std::size_t test = 0; test < all; ++test) {
    std::size_t const chooses = (test + 1) % all;
    fold one{groups.names[test], dev ? groups.names[chooses] : "", {}};
    for (std::size_t i = 0; i < data.samples.size(); ++i) {
      auto& part = groups.of[i] == test ? one.of.test : dev && groups.of[i] == chooses ? one.of.dev : one.of.train;
      part.push_back(static_cast<index_t>(i));
    }
    if (one.of.train.empty()) throw ser_error("fold " + one_line(one.name) + ": nothing is left to train on");
    result.push_back(std::move(one));
  }
  return result;
}

std::vector<std::string> overlaps(dataset const& data, fold const& of) {
  std::vector<std::string> sentences;
  auto const look = [&data, &of, &sentences](std::string sample::*what, char const* words) {
    std::set<std::string> learned;
    for (std::vector<index_t> const* const part : {&of.of.train, &of.of.dev}) {
      for (index_t const i : *part) learned.insert(data.samples[static_cast<std::size_t>(i)].*what);
    }
    learned.erase("");
    std::size_t shared = 0;
    for (index_t const i : of.of.test) shared += learned.count(data.samples[static_cast<std::size_t>(i)].*what);
    if (shared == 0) return;
    sentences.push_back("fold " + one_line(of.name) + ": " + std::to_string(shared) + " of its " +
                        std::to_string(of.of.test.size()) + " test samples " + words);
  };
  look(&sample::speaker, "are of speakers that are also learned from");
  look(&sample::text, "say what is also said in what is learned from");
  return sentences;
}

}  // namespace ser
