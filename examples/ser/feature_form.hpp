// SPDX-License-Identifier: MIT
// What becomes of log-mel features before a model reads them: deltas behind them, or an image.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <tshift/audio/deltas.hpp>
#include <tshift/audio/spectrogram_image.hpp>
#include <vector>

namespace ser {

using tshift::index_t;

/// A batch of them, [batch, frames, channels], zeros behind a shorter sequence's frames.
template <class T>
struct formed {
  tshift::shape shape;
  std::vector<T> values;
  std::vector<index_t> lengths;

  tshift::tensor_view<T> view() { return {values.data(), shape, tshift::layout::ntc, lengths}; }
};

class feature_form {
 public:
  /// Adds its options to a command.
  explicit feature_form(CLI::App& app);
  feature_form(feature_form const&) = delete;
  feature_form& operator=(feature_form const&) = delete;
  ~feature_form() = default;

  bool is_image() const noexcept { return image_; }
  bool has_deltas() const noexcept { return deltas_ != "none"; }
  /// Which, where there are some.
  tshift::delta_kind deltas() const noexcept {
    return deltas_ == "htk" ? tshift::delta_kind::htk : tshift::delta_kind::librosa;
  }
  /// Whether all of an image's values are from 0 to 1.
  bool is_scaled() const noexcept { return options_.scale != tshift::image_scale::none; }
  /// What was asked for, as it would stand on a command line.
  std::string words() const;
  /// Whether nothing was.
  bool is_default() const;
  /// Refuses what excludes each other or would change nothing. @throws usage_error
  void check() const;

  /// Of a frame with so many bands.
  index_t channels(index_t bands) const noexcept { return image_ ? rows_ : deltas_ == "none" ? bands : 3 * bands; }
  /// Deltas behind the bands of x, or x itself.
  template <class T>
  formed<T> with_deltas(formed<T> x) const;
  /// The image of x, column by column: [batch, columns, rows]; or x itself.
  template <class T>
  formed<T> as_image(formed<T> x) const;

 private:
  void take_size(std::string const& text);

  std::string deltas_ = "none";
  bool image_ = false;
  index_t rows_ = 0, columns_ = 0;  // columns 0: one a frame
  tshift::spectrogram_image_options options_;
  std::vector<CLI::Option const*> own_, of_images_;
};

}  // namespace ser
