// SPDX-License-Identifier: MIT
// A model of features while they keep coming.
#pragma once

#include <span>
#include <tshift/models/streamed.hpp>
#include <variant>
#include <vector>

#include "network.hpp"

namespace ser {

class live_model {
 public:
  /// @param width  numbers of a frame
  /// @throws usage_error, shape_error  the model needs whole sequences
  live_model(network const& model, index_t width);

  index_t classes() const { return model_.classes(); }
  /// Frames that a frame waits for.
  index_t latency() const;
  /// Frames so far.
  index_t frames() const;

  /// Takes frames [k, width].
  void push(std::span<float const> frames);
  /// Logits of what has left the network; empty where nothing has.
  std::vector<float> answer();
  /// The same at the end, of all. The next frame is the first of another sound.
  std::vector<float> flush();

 private:
  using live = std::variant<tshift::models::streamed<tshift::models::shift_cnn<float>>,
                            tshift::models::streamed<tshift::models::shift_lstm<float>>,
                            tshift::models::streamed<tshift::models::shiftformer<float>>,
                            tshift::models::streamed<tshift::models::crnn<float>>>;
  static live made(network const& model, index_t width);

  network model_;
  index_t width_;
  live live_;
  std::vector<float> front_;
};

}  // namespace ser
