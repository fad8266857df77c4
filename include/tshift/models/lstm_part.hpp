// SPDX-License-Identifier: MIT
// The recurrent layer of a model, from the tensors that PyTorch's LSTM has.
#pragma once

#include <tshift/macros/away.hpp>

#include <string>

#include <tshift/nn/lstm.hpp>
#include <tshift/weights/state_reader.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace models {

/// `layer`weight_ih_l0 [4 H, D], weight_hh_l0 [4 H, H], bias_ih_l0 and bias_hh_l0 [4 H]; with the same names and
/// `_reverse` the layer is bidirectional. D and H are read off the tensors.
/// @param operation  who asks, for the message
/// @param layer      what stands before these names, with its dot
/// @throws shape_error  a tensor is missing, or has another shape or type
template <class T>
nn::lstm<T> take_lstm(char const* operation, weights::state_reader<T>& reader, std::string const& layer) {
  index_t const channels = reader.dimension(layer + "weight_ih_l0", 1);
  index_t const hidden = reader.dimension(layer + "weight_hh_l0", 1);
  auto const direction = [&reader, &layer, operation, channels, hidden](std::string const& end) {
    index_t const rows = detail::checked_product(operation, {4, hidden});
    return nn::lstm_weights<T>{reader.take(layer + "weight_ih_l0" + end, {rows, channels}),
                               reader.take(layer + "weight_hh_l0" + end, {rows, hidden}),
                               reader.take(layer + "bias_ih_l0" + end, {rows}),
                               reader.take(layer + "bias_hh_l0" + end, {rows})};
  };
  auto const forward = direction("");
  if (!reader.has(layer + "weight_ih_l0_reverse")) return {channels, hidden, forward};
  return {channels, hidden, forward, direction("_reverse")};
}

}}}}  // namespace tshift::models

#include <tshift/macros/back.hpp>
