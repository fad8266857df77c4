// SPDX-License-Identifier: MIT
// Registers torch.ops.tshift.learned_shift and what belongs to it. torch_library.hpp includes it.
#pragma once

#include <tshift/macros/away.hpp>

#include <vector>

#include <tshift/interop/torch_learned.hpp>
#include <tshift/interop/torch_library.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace interop::detail::library {

inline interpolation interpolation_of(c10::string_view name) {
  if (name == "linear") return interpolation::linear;
  if (name == "nearest") return interpolation::nearest;
  detail::fail("learned_shift: interpolation = '%.40s', must be linear or nearest", std::string(name).c_str());
}

inline char const* name_of_interpolation(interpolation how) noexcept {
  return how == interpolation::linear ? "linear" : "nearest";
}

inline learned_options learned_options_of(c10::string_view padding_name, c10::string_view between,
                                          c10::optional<at::Tensor> const& lengths, std::int64_t time_dim,
                                          std::int64_t channel_dim) {
  return {padding_of(padding_name), interpolation_of(between), options_of(lengths, 0, time_dim, channel_dim)};
}

using learned_signature = at::Tensor(at::Tensor const&, at::Tensor const&, c10::string_view, c10::string_view,
                                     c10::optional<at::Tensor> const&, std::int64_t, std::int64_t);
using slopes_signature = at::Tensor(at::Tensor const&, at::Tensor const&, at::Tensor const&, c10::string_view,
                                    c10::optional<at::Tensor> const&, std::int64_t, std::int64_t);

/// As `dispatched` of torch_library.hpp.
struct learned_dispatched {
  static at::Tensor learned(at::Tensor const& x, at::Tensor const& offsets, learned_options const& options,
                            bool adjoint) {
    static auto const forth = handle_of<learned_signature>("tshift::learned_shift");
    static auto const back = handle_of<learned_signature>("tshift::learned_shift_adjoint");
    at::AutoDispatchBelowADInplaceOrView const below;
    tensor_dims const& how = options.how;
    return (adjoint ? back : forth)
        .call(x, offsets, name_of(options.edge), name_of_interpolation(options.between), optional_of(how.lengths),
              how.time_dim, how.channel_dim);
  }
  static at::Tensor slopes(at::Tensor const& x, at::Tensor const& dy, at::Tensor const& offsets,
                           learned_options const& options) {
    static auto const handle = handle_of<slopes_signature>("tshift::learned_shift_slopes");
    at::AutoDispatchBelowADInplaceOrView const below;
    tensor_dims const& how = options.how;
    return handle.call(x, dy, offsets, name_of(options.edge), optional_of(how.lengths), how.time_dim, how.channel_dim);
  }
};

/// The kernels: above autograd (recorded = true) and below it.
template <bool recorded, bool adjoint>
at::Tensor learned_shift(at::Tensor const& x, at::Tensor const& offsets, c10::string_view padding_name,
                         c10::string_view between, c10::optional<at::Tensor> const& lengths, std::int64_t time_dim,
                         std::int64_t channel_dim) {
  learned_options const options = learned_options_of(padding_name, between, lengths, time_dim, channel_dim);
  if constexpr (!recorded) return detail::run_learned(x, offsets, options, adjoint);
  return detail::learned<learned_dispatched, adjoint>(x, offsets, options);
}

inline at::Tensor learned_shift_slopes(at::Tensor const& x, at::Tensor const& dy, at::Tensor const& offsets,
                                       c10::string_view padding_name, c10::optional<at::Tensor> const& lengths,
                                       std::int64_t time_dim, std::int64_t channel_dim) {
  return detail::run_slopes(x, dy, offsets, learned_options_of(padding_name, "linear", lengths, time_dim, channel_dim));
}

/// The folds of the plan that offsets round to.
inline std::vector<std::int64_t> rounded(at::Tensor const& offsets) {
  check_tensor("rounded", "offsets", offsets);
  if (offsets.dim() != 1 || offsets.is_meta()) detail::fail("rounded: offsets must be a list of numbers");
  at::Tensor const list = offsets.detach().to(at::kDouble).contiguous();
  return folds_of(tshift::rounded<double>(detail::numbers_of<double>(list)));
}

inline void define_learned(torch::Library& library) {
  library.def(
      "learned_shift(Tensor x, Tensor offsets, str padding=\"zero\", *, str interpolation=\"linear\", "
      "Tensor? lengths=None, int time_dim=1, int channel_dim=2) -> Tensor");
  library.def(
      "learned_shift_adjoint(Tensor dy, Tensor offsets, str padding=\"zero\", *, str interpolation=\"linear\", "
      "Tensor? lengths=None, int time_dim=1, int channel_dim=2) -> Tensor");
  library.def(
      "learned_shift_slopes(Tensor x, Tensor dy, Tensor offsets, str padding=\"zero\", *, "
      "Tensor? lengths=None, int time_dim=1, int channel_dim=2) -> Tensor");
  library.def("rounded(Tensor offsets) -> int[]");
}

template <bool recorded>
void implement_learned(torch::Library& library) {
  library.impl("learned_shift", &learned_shift<recorded, false>);
  library.impl("learned_shift_adjoint", &learned_shift<recorded, true>);
  if constexpr (!recorded) {
    library.impl("learned_shift_slopes", &learned_shift_slopes);
    library.impl("rounded", &rounded);
  }
}

}}}}  // namespace tshift::interop::detail::library

TORCH_LIBRARY_FRAGMENT(tshift, library) { tshift::interop::detail::library::define_learned(library); }
TORCH_LIBRARY_IMPL(tshift, CPU, library) { tshift::interop::detail::library::implement_learned<false>(library); }
TORCH_LIBRARY_IMPL(tshift, Meta, library) { tshift::interop::detail::library::implement_learned<false>(library); }
TORCH_LIBRARY_IMPL(tshift, Autograd, library) { tshift::interop::detail::library::implement_learned<true>(library); }

#include <tshift/macros/back.hpp>
