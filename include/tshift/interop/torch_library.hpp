// SPDX-License-Identifier: MIT
// Registers PyTorch's operators torch.ops.tshift.*, for Python, TorchScript and C++. Include it in exactly one source
// file of a program or shared library; that file needs nothing else (examples/torch_extension/tshift_torch.cpp).
//
//   temporal_shift(x, folds, padding="zero", *, lengths=None, fill=0, time_dim=1, channel_dim=2) -> Tensor
//   temporal_shift_adjoint(dy, folds, padding="zero", *, lengths=None, time_dim=1, channel_dim=2) -> Tensor
//   temporal_shift_add(x, r, folds, padding="zero", *, lengths=None, fill=0, time_dim=1, channel_dim=2) -> Tensor
//   temporal_shift_(x, folds, padding="zero", *, lengths=None, fill=0, time_dim=1, channel_dim=2) -> x
//   preset(name, channels, *, n_div=None, direction="delay", stride=1, shift_ratio=0.25) -> (folds, padding)
//   preset_names() -> names
//   learned_shift(x, offsets, padding="zero", *, interpolation="linear", lengths=None, time_dim=1, channel_dim=2)
//   learned_shift_adjoint(dy, offsets, ...), learned_shift_slopes(x, dy, offsets, padding="zero", *, lengths=None, ...)
//   rounded(offsets) -> folds
//
//   folds     begin, count, offset of one fold after the other: three integers each, at most 16 folds
//   padding   "zero", "keep", "edge" or "circular"
//   preset    the folds and the padding of a published system: y = temporal_shift(x, *preset("tsm", C, n_div=8)).
//             Every preset of presets.hpp, by its name there; preset_names() lists them. An argument that a preset
//             does not have is refused unless it has its default; n_div=None is the preset's own, where it has one.
//   offsets   one number a channel, of x's dtype, see torch_learned.hpp; interpolation is "linear" or "nearest"
//   the rest  see torch.hpp and its tensor_dims
//
// From C++ the functions of torch.hpp do the same without going through PyTorch's dispatcher.
//
// All but temporal_shift_ and learned_shift_slopes are differentiable any number of times. CPU and meta tensors; any other device is refused by
// PyTorch itself. Errors reach Python as ValueError with the library's sentence, or as PyTorch's own RuntimeError.
#pragma once

#include <tshift/macros/away.hpp>

#include <string>
#include <tuple>
#include <vector>

#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

#include <tshift/interop/torch.hpp>
#include <tshift/presets.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace interop::detail::library {

inline padding padding_of(c10::string_view name) {
  for (padding const edge : {padding::zero, padding::keep, padding::edge, padding::circular}) {
    if (name == name_of(edge)) return edge;
  }
  detail::fail("temporal_shift: padding = '%.40s', must be zero, keep, edge or circular", std::string(name).c_str());
}

/// The plan that an operator's arguments describe. x's number of channels is the plan's.
inline shift_plan plan_of(at::Tensor const& x, at::IntArrayRef folds, c10::string_view padding_name,
                          tensor_dims const& how) {
  if (folds.size() % 3 != 0) {
    detail::fail("temporal_shift: folds has %td integers, must have three for each fold: begin, count, offset",
                 static_cast<index_t>(folds.size()));
  }
  std::vector<fold> list;
  for (std::size_t i = 0; i < folds.size(); i += 3) list.push_back({folds[i], folds[i + 1], folds[i + 2]});
  detail::axes const where("temporal_shift", x.dim(), how);
  return {static_cast<index_t>(x.size(where.channels)), std::span<fold const>(list), padding_of(padding_name)};
}

/// A plan's folds as an operator takes them.
inline std::vector<std::int64_t> folds_of(shift_plan const& plan) {
  std::vector<std::int64_t> flat;
  for (fold const& f : plan.folds()) flat.insert(flat.end(), {f.begin, f.count, f.offset});
  return flat;
}

inline tensor_dims options_of(c10::optional<at::Tensor> const& lengths, at::Scalar const& fill, std::int64_t time_dim,
                              std::int64_t channel_dim) {
  return {time_dim, channel_dim, lengths.value_or(at::Tensor()), fill};
}

inline c10::optional<at::Tensor> optional_of(at::Tensor const& lengths) {
  return lengths.defined() ? c10::optional<at::Tensor>(lengths) : c10::nullopt;
}

using shift_signature = at::Tensor(at::Tensor const&, at::IntArrayRef, c10::string_view,
                                   c10::optional<at::Tensor> const&, at::Scalar const&, std::int64_t, std::int64_t);
using adjoint_signature = at::Tensor(at::Tensor const&, at::IntArrayRef, c10::string_view,
                                     c10::optional<at::Tensor> const&, std::int64_t, std::int64_t);
using add_signature = at::Tensor(at::Tensor const&, at::Tensor const&, at::IntArrayRef, c10::string_view,
                                 c10::optional<at::Tensor> const&, at::Scalar const&, std::int64_t, std::int64_t);

template <class Signature>
c10::TypedOperatorHandle<Signature> handle_of(char const* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

/// Below autograd through the dispatcher again, so that what stands between (fake tensors, other backends) is asked.
struct dispatched {
  static at::Tensor shift(at::Tensor const& x, shift_plan const& plan, tensor_dims const& how) {
    static auto const handle = handle_of<shift_signature>("tshift::temporal_shift");
    at::AutoDispatchBelowADInplaceOrView const below;
    return handle.call(x, folds_of(plan), name_of(plan.edge()), optional_of(how.lengths), how.fill, how.time_dim,
                       how.channel_dim);
  }
  static at::Tensor adjoint(at::Tensor const& dy, shift_plan const& plan, tensor_dims const& how) {
    static auto const handle = handle_of<adjoint_signature>("tshift::temporal_shift_adjoint");
    at::AutoDispatchBelowADInplaceOrView const below;
    return handle.call(dy, folds_of(plan), name_of(plan.edge()), optional_of(how.lengths), how.time_dim,
                       how.channel_dim);
  }
};

/// The kernels: above autograd (recorded = true) and below it.
template <bool recorded>
at::Tensor temporal_shift(at::Tensor const& x, at::IntArrayRef folds, c10::string_view padding_name,
                          c10::optional<at::Tensor> const& lengths, at::Scalar const& fill, std::int64_t time_dim,
                          std::int64_t channel_dim) {
  tensor_dims const how = options_of(lengths, fill, time_dim, channel_dim);
  shift_plan const plan = plan_of(x, folds, padding_name, how);
  if constexpr (!recorded) return detail::at_once::shift(x, plan, how);
  if (!detail::recorded(x)) return dispatched::shift(x, plan, how);
  return detail::recording<dispatched, false>::apply(x, plan, how);
}

template <bool recorded>
at::Tensor temporal_shift_adjoint(at::Tensor const& dy, at::IntArrayRef folds, c10::string_view padding_name,
                                  c10::optional<at::Tensor> const& lengths, std::int64_t time_dim,
                                  std::int64_t channel_dim) {
  tensor_dims const how = options_of(lengths, 0, time_dim, channel_dim);
  shift_plan const plan = plan_of(dy, folds, padding_name, how);
  if constexpr (!recorded) return detail::at_once::adjoint(dy, plan, how);
  if (!detail::recorded(dy)) return dispatched::adjoint(dy, plan, how);
  return detail::recording<dispatched, true>::apply(dy, plan, how);
}

template <bool recorded>
at::Tensor temporal_shift_add(at::Tensor const& x, at::Tensor const& r, at::IntArrayRef folds,
                              c10::string_view padding_name, c10::optional<at::Tensor> const& lengths,
                              at::Scalar const& fill, std::int64_t time_dim, std::int64_t channel_dim) {
  tensor_dims const how = options_of(lengths, fill, time_dim, channel_dim);
  if constexpr (!recorded) return detail::run_add(x, r, plan_of(x, folds, padding_name, how), how);
  if (!detail::recorded(x) && !detail::recorded(r)) {
    static auto const handle = handle_of<add_signature>("tshift::temporal_shift_add");
    at::AutoDispatchBelowADInplaceOrView const below;
    return handle.call(x, r, folds, padding_name, lengths, fill, time_dim, channel_dim);
  }
  detail::check_same_kind("temporal_shift_add", "r", r, x);
  return at::add(temporal_shift<true>(x, folds, padding_name, lengths, fill, time_dim, channel_dim), r);
}

inline at::Tensor temporal_shift_(at::Tensor x, at::IntArrayRef folds, c10::string_view padding_name,
                                  c10::optional<at::Tensor> const& lengths, at::Scalar const& fill,
                                  std::int64_t time_dim, std::int64_t channel_dim) {
  tensor_dims const how = options_of(lengths, fill, time_dim, channel_dim);
  return interop::temporal_shift_(x, plan_of(x, folds, padding_name, how), how);
}

inline direction direction_of(c10::string_view name) {
  if (name == "delay") return direction::delay;
  if (name == "advance") return direction::advance;
  if (name == "both") return direction::both;
  detail::fail("preset: direction = '%.40s', must be delay, advance or both", std::string(name).c_str());
}

inline shift_plan preset_of(c10::string_view name, index_t channels, c10::optional<std::int64_t> n_div,
                            c10::string_view way, index_t stride, double shift_ratio) {
  std::string const text(name);
  presets::entry const* const found = presets::find(text);
  if (found == nullptr) detail::fail("preset: there is no preset '%.40s'", text.c_str());
  auto const refuse_unless = [&text](bool fine, char const* argument) {
    if (!fine) detail::fail("preset: %.40s takes no %s", text.c_str(), argument);
  };
  refuse_unless(found->takes_direction() || (way == "delay" && stride == 1), "direction and no stride");
  refuse_unless(found->takes_shift_ratio() || shift_ratio == 0.25, "shift_ratio");
  refuse_unless(found->takes_n_div() || !n_div, "n_div");
  presets::arguments with;
  if (n_div) with.n_div = *n_div;
  with.way = direction_of(way);
  with.stride = stride;
  with.shift_ratio = static_cast<float>(shift_ratio);
  return found->make(channels, with);
}

/// The names that preset() takes.
inline std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (presets::entry const& each : presets::table) names.emplace_back(each.name());
  return names;
}

inline std::tuple<std::vector<std::int64_t>, std::string> preset(c10::string_view name, std::int64_t channels,
                                                                 c10::optional<std::int64_t> n_div,
                                                                 c10::string_view way, std::int64_t stride,
                                                                 double shift_ratio) {
  shift_plan const plan = preset_of(name, channels, n_div, way, stride, shift_ratio);
  return {folds_of(plan), name_of(plan.edge())};
}

inline void define(torch::Library& library) {
  library.def(
      "temporal_shift(Tensor x, int[] folds, str padding=\"zero\", *, Tensor? lengths=None, Scalar fill=0, "
      "int time_dim=1, int channel_dim=2) -> Tensor");
  library.def(
      "temporal_shift_adjoint(Tensor dy, int[] folds, str padding=\"zero\", *, Tensor? lengths=None, "
      "int time_dim=1, int channel_dim=2) -> Tensor");
  library.def(
      "temporal_shift_add(Tensor x, Tensor r, int[] folds, str padding=\"zero\", *, Tensor? lengths=None, "
      "Scalar fill=0, int time_dim=1, int channel_dim=2) -> Tensor");
  library.def(
      "temporal_shift_(Tensor(a!) x, int[] folds, str padding=\"zero\", *, Tensor? lengths=None, Scalar fill=0, "
      "int time_dim=1, int channel_dim=2) -> Tensor(a!)");
  library.def(
      "preset(str name, int channels, *, int? n_div=None, str direction=\"delay\", int stride=1, "
      "float shift_ratio=0.25) -> (int[] folds, str padding)",
      &preset);
  library.def("preset_names() -> str[]", &preset_names);
}

template <bool recorded>
void implement(torch::Library& library) {
  library.impl("temporal_shift", &temporal_shift<recorded>);
  library.impl("temporal_shift_adjoint", &temporal_shift_adjoint<recorded>);
  library.impl("temporal_shift_add", &temporal_shift_add<recorded>);
  if constexpr (!recorded) library.impl("temporal_shift_", &temporal_shift_);
}

}}}}  // namespace tshift::interop::detail::library

TORCH_LIBRARY(tshift, library) { tshift::interop::detail::library::define(library); }
TORCH_LIBRARY_IMPL(tshift, CPU, library) { tshift::interop::detail::library::implement<false>(library); }
TORCH_LIBRARY_IMPL(tshift, Meta, library) { tshift::interop::detail::library::implement<false>(library); }
TORCH_LIBRARY_IMPL(tshift, Autograd, library) { tshift::interop::detail::library::implement<true>(library); }

#include <tshift/interop/torch_learned_library.hpp>
#include <tshift/macros/back.hpp>
