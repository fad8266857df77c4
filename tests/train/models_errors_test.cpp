// SPDX-License-Identifier: MIT
// What models that are trained refuse, word for word.
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include <tshift/train/shift_lstm.hpp>
#include <tshift/train/shiftformer.hpp>

#include "../support/catch.hpp"
#include "../support/message_of.hpp"

namespace {

using namespace test_support;
using tshift::index_t;
using tshift::tensor_view;
using tshift::train::parameter_table;

}  // namespace

TEST_CASE("train::shift_lstm: there is no skip connection to shift", "[train][models][errors]") {
  parameter_table table;
  tshift::model_shift const skip{4, tshift::direction::both, 1, tshift::placement::skip};
  CHECK(message_of([&] { tshift::train::shift_lstm<float>(table, {.channels = 8, .hidden = 4}, skip); }) ==
        "shift_lstm: placement = skip, but there is no skip connection; must be none, branch or both");
  CHECK(table.count() == 0);
}

TEST_CASE("train::shiftformer: positions, and sequences that are longer", "[train][models][errors]") {
  using model = tshift::train::shiftformer<float>;
  parameter_table table;
  tshift::train::shiftformer_sizes sizes{.channels = 8, .hidden = 16, .classes = 3};
  sizes.positions = tshift::frame_positions::relative_key;
  sizes.longest = 5;
  CHECK(message_of([&] { model(table, sizes, {}); }) ==
        "shiftformer: relative positions are asked for, but there is no attention; must be absolute");

  sizes.positions = tshift::frame_positions::absolute;
  model const short_one(table, sizes, {});
  tshift::shape const dims{2, 7, 8};
  std::vector<float> const x(static_cast<std::size_t>(dims.size()), 1.0f);
  std::vector<float> y(6, 5.0f), saved = short_one.make_saved(dims), workspace = short_one.make_workspace(dims);
  std::vector<index_t> lengths{5, 6};
  auto const run = [&] {
    short_one.forward(tensor_view<float const>(x.data(), dims, tshift::layout::ntc, lengths),
                      tensor_view<float>(y.data(), {2, 1, 3}), saved, workspace);
  };
  CHECK(message_of(run) == "shiftformer: sequence 1 has 6 frames, the model's positions serve at most 5");
  CHECK(y == std::vector<float>(6, 5.0f));
  lengths[1] = 0;
  run();
  CHECK(y[0] != 5.0f);
}

TEST_CASE("parameter_table: more elements than an index counts", "[train][errors]") {
  parameter_table table;
  index_t const most = std::numeric_limits<index_t>::max();
  table.add("a", {most - 1});
  table.add("b", {1});
  CHECK(message_of([&] { table.add("c", {1}); }) == "parameter_table: the parameters must fit in 2^" +
                                                        std::to_string(tshift::detail::index_bits) + " - 1 elements");
  CHECK(table.size() == most);
  CHECK(table.count() == 2);
  CHECK(message_of([&] { table.add("a", {1}); }) == "parameter_table: a is there already");
}
