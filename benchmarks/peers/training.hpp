// SPDX-License-Identifier: MIT
// Models that are trained, for models_worker.cpp: the step that training.py has in PyTorch.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include <tshift/io/safetensors.hpp>
#include <tshift/train.hpp>

#include "../../tests/support/seeded.hpp"
#include "blocks.hpp"

namespace peers {

namespace train = tshift::train;

/// A model, one batch, and all memory of a step.
class trainee {
 public:
  /// What a step says of its batch: the loss, and the norm of all gradients.
  struct result {
    double loss = 0, norm = 0;
  };

  /// @param x  the batch, which stays where it is
  trainee(test_support::model_sizes const& sizes, tshift::model_shift const& shift,
          tshift::tensor_view<float const> const& x, std::uint64_t seed)
      : trainee(test_support::seeded_weights<float>(sizes, seed), sizes, shift, x) {}
  trainee(trainee const&) = delete;
  trainee& operator=(trainee const&) = delete;
  ~trainee() = default;

  /// Back to the values it was made with, and before the first step.
  void restart() {
    values_ = start_;
    std::ranges::fill(first_, 0.0f);
    std::ranges::fill(second_, 0.0f);
    steps_ = 0;
    pack();
  }

  /// Forward, cross-entropy, backward, clipping to a norm of 5, AdamW, and the packing of the new values.
  result step() {
    result of_batch;
    std::ranges::fill(gradients_, 0.0f);
    of_batch.loss = add_gradients();
    on_threads([this, &of_batch](auto const&... exec) {
      train::clipping const clipped = train::gradient_clipping<float>(exec..., table_, gradients_, 5);
      train::adamw<float>(exec..., table_, {.rate = 5e-4, .decay = 0.05}, ++steps_,
                          {values_, gradients_, first_, second_}, clipped.factor);
      of_batch.norm = clipped.norm;
    });
    pack();
    return of_batch;
  }

  /// The gradients of the last step as a file, before they were clipped.
  void write_gradients(std::string const& file) const {
    tshift::io::write_safetensors(file, train::state_dict_of<float>(table_, gradients_));
  }

  /// Elements kept between the passes.
  index_t saved_size() const noexcept { return static_cast<index_t>(saved_.size()); }

 private:
  using any_model = std::variant<train::shift_cnn<float>, train::shift_lstm<float>, train::shiftformer<float>>;

  trainee(tshift::weights::state_dict const& weights, test_support::model_sizes const& sizes,
          tshift::model_shift const& shift, tshift::tensor_view<float const> const& x)
      : x_(x), out_{x.shape.batch, 1, sizes.classes}, model_(make(weights, sizes, shift, table_)), start_(size()),
        gradients_(size()), first_(size()), second_(size()), y_(static_cast<std::size_t>(out_.size())), dy_(y_.size()) {
    train::read_values<float>(table_, weights, start_);
    for (index_t n = 0; n < out_.batch; ++n) labels_.push_back((7 * n + 3) % sizes.classes);
    std::visit(
        [this](auto const& model) {
          saved_ = model.make_saved(x_.shape);
          workspace_ = model.make_workspace(x_.shape);
        },
        model_);
    restart();
  }

  static any_model make(tshift::weights::state_dict const& weights, test_support::model_sizes const& sizes,
                        tshift::model_shift const& shift, train::parameter_table& table) {
    if (sizes.kind == "cnn") return train::shift_cnn<float>(table, train::shift_cnn_sizes_of(weights), shift);
    if (sizes.kind == "lstm" || sizes.kind == "shift_lstm") {
      return train::shift_lstm<float>(table, train::shift_lstm_sizes_of(weights), shift);
    }
    auto const kind = sizes.position == "relative_key" ? tshift::frame_positions::relative_key
                                                       : tshift::frame_positions::relative_key_query;
    return train::shiftformer<float>(table, train::shiftformer_sizes_of(weights, 12, kind), shift);
  }

  double add_gradients() {
    tshift::tensor_view<float> const y(y_.data(), out_), dy(dy_.data(), out_);
    return std::visit(
        [this, &y, &dy](auto const& model) {
          on_threads([this, &model, &y](auto const&... exec) { model.forward(exec..., x_, y, saved_, workspace_); });
          double const loss = train::cross_entropy<float>(y, labels_, {}, dy);
          tshift::tensor_view<float const> const above = dy;
          on_threads([this, &model, &above](auto const&... exec) {
            model.backward(exec..., x_, saved_, above, tshift::tensor_view<float>(), gradients_, workspace_);
          });
          return loss;
        },
        model_);
  }

  void pack() {
    std::visit([this](auto& model) { model.pack(std::span<float const>(values_)); }, model_);
  }
  std::size_t size() const noexcept { return static_cast<std::size_t>(table_.size()); }

  tshift::tensor_view<float const> x_;
  tshift::shape out_;
  train::parameter_table table_;
  any_model model_;
  std::vector<float> start_, values_, gradients_, first_, second_;
  std::vector<float> y_, dy_, saved_, workspace_;
  std::vector<index_t> labels_;
  index_t steps_ = 0;
};

}  // namespace peers
