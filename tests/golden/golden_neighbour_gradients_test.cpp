// SPDX-License-Identifier: MIT
// Trained CRNNs and vertical-patch ViTs against gradients computed by PyTorch in double precision, and a student's step
// towards its teacher: neighbour_gradients.txt, see README.md.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iostream>
#include <limits>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include <tshift/train/checkpoint.hpp>
#include <tshift/train/crnn.hpp>
#include <tshift/train/crnn_checkpoint.hpp>
#include <tshift/train/optimiser.hpp>
#include <tshift/train/transfer.hpp>
#include <tshift/train/vertical_vit.hpp>

#include "../support/catch.hpp"
#include "../support/seeded_neighbours.hpp"
#include "gradient_probes.hpp"
#include "neighbour_cases.hpp"

namespace {

using namespace test_support;
using tshift::tensor_view;
namespace train = tshift::train;
using tensors = std::map<std::string, probes>;

constexpr std::size_t gradient_cases = 79, transfer_cases = 8;

struct expected {
  std::size_t index = 0, teacher = 0;  // in neighbours.txt
  bool transfers = false;
  double alpha = 0, loss = 0, of_features = 0, of_both = 0;
  tensors gradients, features, both, after;
};

bool line_of_gradients(expected& c, std::string const& key, std::istringstream& words) {
  if (key == "case") {
    words >> c.index;
  } else if (key == "transfer") {
    c.transfers = true;
    words >> c.index >> c.teacher >> c.alpha;
  } else if (key == "loss") {
    words >> c.loss;
  } else if (key == "of_features") {
    words >> c.of_features;
  } else if (key == "of_both") {
    words >> c.of_both;
  } else {
    tensors* const to = key == "grad"       ? &c.gradients
                        : key == "features" ? &c.features
                        : key == "both"     ? &c.both
                        : key == "after"    ? &c.after
                                            : nullptr;
    if (to == nullptr) return false;
    std::string name;
    words >> name;
    read_list(words, (*to)[name]);
  }
  return true;
}

struct totals {
  std::size_t cases = 0, tensors = 0;
  double worst = 0, worst_after = 0;
};

/// Every second case has class weights and label smoothing.
struct labels_of {
  std::vector<index_t> labels;
  std::vector<double> weights;
  bool smooth;

  labels_of(std::size_t index, index_t batch, index_t classes) : smooth(index % 2 == 1) {
    for (index_t n = 0; n < batch; ++n) labels.push_back((7 * n + 3) % classes);
    for (index_t k = 0; k < classes; ++k) weights.push_back(1 + 0.5 * static_cast<double>(k));
  }
  train::cross_entropy_options options() const {
    return smooth ? train::cross_entropy_options{weights, 0.1} : train::cross_entropy_options{};
  }
};

/// Holds tensors against probes.
template <class T>
class comparison {
 public:
  comparison(neighbour_case const& c, double tolerance, totals& sum)
      : seed_(c.seed), tolerance_(tolerance), sum_(sum) {}

  void operator()(train::parameter_table const& table, std::vector<T> const& flat, tensors const& want,
                  double& worst) const {
    for (auto const& p : table) {
      std::span<T const> const all(flat);
      one(p.name, all.subspan(static_cast<std::size_t>(p.offset), static_cast<std::size_t>(p.size)), want, worst);
    }
  }
  void one(std::string const& name, std::span<T const> tensor, tensors const& want, double& worst) const {
    INFO(name);
    REQUIRE(want.contains(name));
    double squares = 0;
    for (auto const& [each, of] : want) squares += of.at(0) * of.at(0);
    // The norm behind a stem's convolution takes its bias away: that has the rounding of the others for a gradient.
    bool const none = name.starts_with("conv_stem.") && name.ends_with(".bias");
    double const distance = off(tensor, want.at(name), seed_, (none ? 1e-2 : 1e-4) * std::sqrt(squares));
    CHECK(distance <= tolerance_);
    worst = std::max(worst, distance);
    ++sum_.tensors;
  }

 private:
  std::uint64_t seed_;
  double tolerance_;
  totals& sum_;
};

/// Of a parameter table, all of it NaN where it must be written.
template <class T>
struct flat_arrays {
  std::vector<T> values, gradients, first, second;

  explicit flat_arrays(train::parameter_table const& table)
      : values(static_cast<std::size_t>(table.size())), gradients(values.size()), first(values.size()),
        second(values.size()) {}
};

template <class T>
std::vector<T> all_nan(index_t size) {
  return std::vector<T>(static_cast<std::size_t>(size), std::numeric_limits<T>::quiet_NaN());
}

/// Cross-entropy of one model.
template <class T, class Model>
void check_gradients(Model& model, train::parameter_table const& table, tshift::weights::state_dict const& weights,
                     tensor_view<T const> const& x, neighbour_case const& c, expected const& want, double tolerance,
                     totals& sum) {
  comparison<T> const compare(c, tolerance, sum);
  flat_arrays<T> flat(table);
  train::read_values<T>(table, weights, flat.values);
  model.pack(std::span<T const>(flat.values));
  labels_of const of(want.index, c.batch, model.outputs());
  auto saved = all_nan<T>(model.saved_size(x.shape)), room = all_nan<T>(model.workspace_size(x.shape));
  std::vector<T> y(static_cast<std::size_t>(c.batch * model.outputs())), dy(y.size());
  std::vector<T> dx(static_cast<std::size_t>(x.shape.size()));
  tensor_view<T> const logits(y.data(), {c.batch, 1, model.outputs()}), g(dy.data(), logits.shape);
  model.forward(x, logits, saved, room);
  double const loss = train::cross_entropy<T>(logits, of.labels, of.options(), g);
  model.backward(x, saved, tensor_view<T const>(g), tensor_view<T>(dx.data(), x.shape, tshift::layout::ntsc),
                 flat.gradients, room);
  CHECK(std::fabs(loss - want.loss) <= tolerance * std::max(want.loss, 1.0));
  CHECK(static_cast<index_t>(want.gradients.size()) == table.count() + 1);
  compare.one("x", dx, want.gradients, sum.worst);
  compare(table, flat.gradients, want.gradients, sum.worst);
}

/// A vertical-patch ViT of a case with its values.
template <class T>
struct trained_vit {
  train::parameter_table table;
  train::vertical_vit<T> model;
  flat_arrays<T> flat;
  std::vector<T> saved, room, logits;

  trained_vit(neighbour_case const& c, tshift::shape const& x)
      : model(table, sizes_of(c), c.vit_options), flat(table), saved(all_nan<T>(model.saved_size(x))),
        room(all_nan<T>(model.workspace_size(x))), logits(static_cast<std::size_t>(c.batch * c.vit.classes)) {
    train::read_values<T>(table, seeded_neighbour<T>(c.vit, c.seed), flat.values);
  }
  static train::vertical_vit_sizes sizes_of(neighbour_case const& c) {
    return train::vertical_vit_sizes_of(seeded_neighbour<T>(c.vit, c.seed), c.vit_options, c.vit.rows);
  }
  tensor_view<T> y() {
    return {logits.data(), {model.outputs() == 0 ? 0 : size() / model.outputs(), 1, model.outputs()}};
  }
  index_t size() const { return static_cast<index_t>(logits.size()); }
  void forward(tensor_view<T const> const& x) {
    model.pack(std::span<T const>(flat.values));
    model.forward(x, y(), saved, room);
  }
};

/// A student's two steps towards its teacher.
template <class T>
void check_transfer(neighbour_case const& c, neighbour_case const& of_teacher, expected const& want, double tolerance,
                    totals& sum) {
  comparison<T> const compare(c, tolerance, sum);
  std::vector<T> const values = seeded<T>("x", {c.batch, c.time, c.vit.rows}, c.seed);
  tensor_view<T const> const x(values.data(), {c.batch, c.time, c.vit.rows}, tshift::layout::ntc, c.lengths);
  trained_vit<T> teacher(of_teacher, x.shape), student(c, x.shape);
  REQUIRE(teacher.model.is_teacher());
  REQUIRE(!student.model.is_teacher());
  teacher.forward(x);
  tensor_view<T const> const target = teacher.model.feature(x.shape, teacher.saved);
  labels_of const of(want.index, c.batch, c.vit.classes);
  std::vector<T> dlogits(student.logits.size()), dfeature(static_cast<std::size_t>(target.size()));
  tensor_view<T> const dz(dlogits.data(), student.y().shape), df(dfeature.data(), target.shape);
  auto const gradients = [&](train::transfer_options options) {
    options.cross_entropy = of.options();
    student.forward(x);
    auto const losses = train::transfer_loss<T>(student.y(), of.labels, student.model.feature(x.shape, student.saved),
                                                target, options, dz, df);
    std::fill(student.flat.gradients.begin(), student.flat.gradients.end(), T(0));
    tensor_view<T const> const above = options.classes > 0 ? tensor_view<T const>(dz) : tensor_view<T const>();
    student.model.backward_both(x, student.saved, df, above, {}, student.flat.gradients, student.room);
    return losses.total;
  };
  double const features = gradients(train::transfer_options::of_features());
  CHECK(std::fabs(features - want.of_features) <= tolerance * want.of_features);
  CHECK(want.features.size() == static_cast<std::size_t>(student.table.count()));
  compare(student.table, student.flat.gradients, want.features, sum.worst);

  double const both = gradients(train::transfer_options::of_both(want.alpha));
  CHECK(std::fabs(both - want.of_both) <= tolerance * want.of_both);
  CHECK(want.both.size() == static_cast<std::size_t>(student.table.count()));
  compare(student.table, student.flat.gradients, want.both, sum.worst);
  auto& f = student.flat;
  train::adamw<T>(student.table, {.rate = 2e-3, .decay = 0.05}, 1, {f.values, f.gradients, f.first, f.second});
  compare(student.table, f.values, want.after, sum.worst_after);
}

template <class T>
void check_all(char const* type, double tolerance) {
  totals of_gradients, of_transfer;
  auto const cases = read_neighbours();
  for (expected const& want : read_case_file<expected>("neighbour_gradients.txt", line_of_gradients)) {
    neighbour_case const& c = cases.at(want.index);
    INFO(c.title);
    if (want.transfers) {
      check_transfer<T>(c, cases.at(want.teacher), want, tolerance, of_transfer);
      ++of_transfer.cases;
      continue;
    }
    ++of_gradients.cases;
    if (c.is_vit) {
      std::vector<T> const values = seeded<T>("x", {c.batch, c.time, c.vit.rows}, c.seed);
      tensor_view<T const> const x(values.data(), {c.batch, c.time, c.vit.rows}, tshift::layout::ntc, c.lengths);
      train::parameter_table table;
      train::vertical_vit<T> model(table, trained_vit<T>::sizes_of(c), c.vit_options);
      auto const weights = seeded_neighbour<T>(c.vit, c.seed);
      check_gradients<T>(model, table, weights, x, c, want, tolerance, of_gradients);
    } else {
      std::vector<T> const values = seeded<T>("x", {c.batch, c.time, c.crnn.bands, c.crnn.channels}, c.seed);
      tensor_view<T const> const x(values.data(), {c.batch, c.time, c.crnn.channels, c.crnn.bands},
                                   tshift::layout::ntsc, c.lengths);
      auto const weights = train::crnn_without_norms<T>(seeded_neighbour<T>(c.crnn, c.seed));
      train::parameter_table table;
      train::crnn<T> model(table, train::crnn_sizes_of(weights, c.options.image), c.options);
      check_gradients<T>(model, table, weights, x, c, want, tolerance, of_gradients);
    }
  }
  std::cout << "neighbour gradients, " << type << ": " << of_gradients.cases << " cases, " << of_gradients.tensors
            << " tensors, worst " << of_gradients.worst << "; transfer " << of_transfer.cases << " cases, "
            << of_transfer.tensors << " tensors, worst " << of_transfer.worst << ", after a step "
            << of_transfer.worst_after << '\n';
  CHECK(of_gradients.cases == gradient_cases);
  CHECK(of_transfer.cases == transfer_cases);
}

}  // namespace

TEST_CASE("golden.neighbour_gradients: gradients and transfer are PyTorch's, in float to 1e-5") {
  check_all<float>("float", 1e-5);
}
TEST_CASE("golden.neighbour_gradients: gradients and transfer are PyTorch's, in double to 1e-10") {
  check_all<double>("double", 1e-10);
}
