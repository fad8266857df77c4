// SPDX-License-Identifier: MIT
// The vision transformer on vertical patches of a log-mel image, trained: the student, and the teacher it learns from.
#pragma once

#include <tshift/macros/away.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <tshift/train/linear.hpp>
#include <tshift/train/vertical_vit_trunk.hpp>
#include <tshift/weights/state_dict.hpp>
#include <tshift/weights/state_reader.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// models::vertical_vit with its gradients: x [N, W, H], y [N, 1, classes]. Parameters by the names of the authors'
/// checkpoints. An image without columns gives no gradient. Keeps what its trunk keeps, and the feature.
template <class T>
class vertical_vit : public calls<vertical_vit<T>, T> {
 public:
  static constexpr char const* name = "vertical_vit";  ///< in messages

  vertical_vit() = default;

  /// Registers its parameters.
  /// @throws shape_error  a size is out of range, patches do not cut the image, options mean no plan
  vertical_vit(parameter_table& table, vertical_vit_sizes const& sizes, vertical_vit_options const& options = {})
      : trunk_(table, sizes, options), head_(table, "mlp_head", sizes.width, sizes.classes) {}

  /// Rows H of the image.
  index_t inputs() const noexcept { return trunk_.inputs(); }
  /// Number of logits.
  index_t outputs() const noexcept { return head_.outputs(); }
  /// Number of channels D of the feature.
  index_t features() const noexcept { return trunk_.outputs(); }
  /// Whether it is a teacher.
  bool is_teacher() const noexcept { return trunk_.is_teacher(); }
  /// One past the last element of its parameters.
  index_t parameters_end() const noexcept { return head_.parameters_end(); }
  /// One frame for each image.
  index_t frames(index_t) const noexcept { return 1; }
  /// What its trunk refuses.
  void check_input(input<T> const& x) const { trunk_.check_input(x); }

  /// Takes new values.
  void pack(std::span<T const> values) noexcept {
    trunk_.pack(values);
    head_.pack(values);
  }

  /// The feature, and what the trunk keeps.
  index_t saved_size(shape const& x) const {
    return detail::checked_product(name, {x.batch, features()}) + trunk_.saved_size(x);
  }
  /// The gradient of the feature. Unchecked.
  T* layout(arena<T>& a, shape const& x) const {
    T* const df = a.take({x.batch, features()});
    a.lend(trunk_, x);
    a.lend(head_, {x.batch, 1, features()});
    return df;
  }

  /// Unchecked.
  template <class Executor>
  void run(Executor& exec, shifted_view<T> const& x, tensor_view<T> const& y, T* saved, arena<T> a) const {
    tensor_view<T> const feature(saved, {x.shape().batch, 1, features()});
    trunk_.run(exec, x, feature, saved + feature.size(), a);
    head_.run(exec, nn::as_it_is<T>(feature), y, nullptr, a);
  }

  /// Unchecked.
  template <class Executor>
  void run_back(Executor& exec, shifted_view<T> const& x, T const* saved, shifted_view<T> const& dy,
                tensor_view<T> const& dx, std::span<T> gradients, arena<T> a) const {
    back(exec, x, saved, &dy, nullptr, dx, gradients, a);
  }

  /// The feature of the last forward pass, which a student learns from its teacher: [N, 1, D], in `saved`.
  /// @throws shape_error  saved is too short
  tensor_view<T const> feature(shape const& x, std::span<T const> saved) const {
    if (static_cast<index_t>(saved.size()) < saved_size(x)) {
      detail::fail("%s: saved has %td elements, must be >= %td", name, static_cast<index_t>(saved.size()),
                   saved_size(x));
    }
    return {saved.data(), {x.batch, 1, features()}};
  }

  /// backward where the feature has a gradient of its own beside that of the logits, or alone.
  /// @param dfeature  [N, 1, D], read
  /// @param dy        of the logits; an empty view where they have none, and then mlp_head has none either: where weights
  ///                  decay, set_trains("mlp_head.", false) leaves it as it is, as PyTorch does
  /// @throws shape_error  as backward
  void backward_both(tensor_view<T const> const& x, std::span<T const> saved, tensor_view<T const> const& dfeature,
                     tensor_view<T const> const& dy, tensor_view<T> const& dx, std::span<T> gradients,
                     std::span<T> workspace) const {
    detail::run_here exec;
    backward_both(exec, x, saved, dfeature, dy, dx, gradients, workspace);
  }

  /// The same, the work shared out by an executor; not one bit depends on it.
  template <executor Executor>
  void backward_both(Executor&& exec, tensor_view<T const> const& x, std::span<T const> saved,
                     tensor_view<T const> const& dfeature, tensor_view<T const> const& dy, tensor_view<T> const& dx,
                     std::span<T> gradients, std::span<T> workspace) const {
    (void)detail::check_rows(name, "x", x, inputs());
    detail::extent const of_feature = detail::check_rows(name, "dfeature", dfeature, features());
    if (of_feature.dims.batch != x.shape.batch || of_feature.dims.time != 1) {
      detail::fail("%s: dfeature is [%td, %td], must be [%td, 1]", name, of_feature.dims.batch, of_feature.dims.time,
                   x.shape.batch);
    }
    detail::check_workspace(name, workspace, this->workspace_size(x.shape), {"x", "dfeature"}, x, dfeature);
    index_t const df = detail::checked_product(name, {x.shape.batch, features()});
    (void)feature(x.shape, saved);
    // What is refused of everything but the logits is what the trunk refuses.
    trunk_.check_backward(x, saved.subspan(static_cast<std::size_t>(df)), dfeature, dx, gradients,
                          workspace.subspan(static_cast<std::size_t>(df)));
    if (dy.data != nullptr) this->check_backward(x, saved, dy, dx, gradients, workspace);
    shifted_view<T> const above = nn::as_it_is(dy);
    if (x.size() > 0) {
      back(exec, nn::as_it_is(x), saved.data(), dy.data != nullptr ? &above : nullptr, &dfeature, dx, gradients,
           arena<T>(name, workspace));
    }
  }

 private:
  /// @param dy        null: logits have no gradient
  /// @param dfeature  null: the feature has none of its own
  template <class Executor>
  void back(Executor& exec, shifted_view<T> const& x, T const* saved, shifted_view<T> const* dy,
            tensor_view<T const> const* dfeature, tensor_view<T> const& dx, std::span<T> gradients, arena<T> a) const {
    tensor_view<T const> const made(saved, {x.shape().batch, 1, features()});
    tensor_view<T> const df(layout(a, x.shape()), made.shape);
    for (index_t n = 0; n < made.shape.batch; ++n) {  // one by one: those without columns are passed over
      if (x.base().length(n) == 0) continue;
      tensor_view<T> const to = df.slice_sequences(n, 1);
      if (dy == nullptr) {
        for (index_t c = 0; c < features(); ++c) to.data[c] = (*dfeature)(n, 0, c);
        continue;
      }
      shifted_view<T> const own = dy->slice_sequences(n, 1);
      head_.run_back(exec, nn::as_it_is<T>(made.slice_sequences(n, 1)), nullptr, own, to, gradients, a);
      for (index_t c = 0; c < features() && dfeature != nullptr; ++c) to.data[c] += (*dfeature)(n, 0, c);
    }
    trunk_.run_back(exec, x, saved + made.size(), nn::as_it_is<T>(df), dx, gradients, a);
  }

  vertical_vit_trunk<T> trunk_;
  linear<T> head_;
};

/// Sizes of the vertical-patch ViT that a checkpoint holds.
/// @param options  of the model: patches of which size
/// @param rows     H of the image where a patch does not have all rows
/// @throws shape_error  it holds none
inline vertical_vit_sizes vertical_vit_sizes_of(weights::state_dict const& weights,
                                                vertical_vit_options const& options = {}, index_t rows = 0) {
  weights::state_reader<float> const reader("vertical_vit", weights,
                                            weights::prefix_of("vertical_vit", weights, "cls_token"));
  vertical_vit_sizes s;
  for (index_t at = 0; reader.has("conv_stem." + std::to_string(at) + ".weight"); at += 3) {
    s.stem.push_back(reader.dimension("conv_stem." + std::to_string(at) + ".weight", 0));
  }
  index_t const planes = s.stem.empty() ? 1 : vertical_vit_stem<float>::planes;
  index_t const size = reader.dimension("to_patch_embedding.1.weight", 0);
  if (options.patch_width < 1 || size % (planes * options.patch_width) != 0) {
    detail::fail("vertical_vit: patches of %td elements, must be %td planes of %td columns", size, planes,
                 options.patch_width);
  }
  s.rows = options.patch_height == 0 ? size / planes / options.patch_width : rows;
  if (s.rows < 1) detail::fail("vertical_vit: an image of %td rows, must be 1 or more", s.rows);
  s.width = reader.dimension("cls_token", 2);
  s.classes = reader.dimension("mlp_head.weight", 0);
  std::string const layer = "transformer.layers.";
  s.layers = 0;
  while (reader.has(layer + std::to_string(s.layers) + ".0.to_qkv.weight")) ++s.layers;
  if (s.layers == 0) return s;
  s.inner = reader.dimension(layer + "0.0.to_qkv.weight", 0) / 3;
  s.projects = reader.has(layer + "0.0.to_out.0.weight");
  s.hidden = reader.dimension(layer + "0.1.net.1.weight", 0);
  return s;
}

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
