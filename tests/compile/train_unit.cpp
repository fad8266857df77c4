// SPDX-License-Identifier: MIT
// A user's unit that trains: for the linters, and for what it includes (dependencies.cmake).
#include <tshift/learned_offsets.hpp>
#include <tshift/train.hpp>

#include <cstddef>
#include <span>
#include <vector>

template class tshift::train::linear<float>;
template class tshift::train::mlp<float>;
template class tshift::train::conv1d<float>;
template class tshift::train::depthwise_conv1d<float>;
template class tshift::train::layer_norm<float>;
template class tshift::train::gelu<float>;
template class tshift::train::lstm<float>;
template class tshift::train::self_attention<float>;
template class tshift::train::activate<float>;
template class tshift::train::mean_pool<float>;
template class tshift::train::summary<float>;
template class tshift::train::conv2d<float>;
template class tshift::train::max_pool<float>;
template class tshift::train::avg_pool<float>;
template class tshift::train::instance_norm<float>;
template class tshift::train::branches<tshift::train::conv2d<float>>;
template class tshift::train::learned_shift<float>;
template class tshift::train::mix_shift<float>;
template class tshift::train::spec_augment<float>;
template class tshift::train::shift_cnn<float>;
template class tshift::train::shift_lstm<float>;
template class tshift::train::shiftformer<float>;
template class tshift::train::shiftformer<double>;
template class tshift::train::crnn<float>;
template class tshift::train::vertical_vit<float>;
template class tshift::train::vertical_vit<double>;

namespace training {

namespace train = tshift::train;
using floats = tshift::tensor_view<float>;

/// A step of any model.
template <class Model>
double step(train::parameter_table const& table, Model& model, floats const& x, floats const& y, floats const& dy,
            std::span<float> memory) {
  auto const size = static_cast<std::size_t>(table.size());
  auto const values = memory.first(size), gradients = memory.subspan(size, size);
  auto const first = memory.subspan(2 * size, size), second = memory.subspan(3 * size, size);
  std::vector<float> saved = model.make_saved(x.shape), workspace = model.make_workspace(x.shape);
  std::vector<tshift::index_t> const labels(static_cast<std::size_t>(y.shape.batch));
  train::initialise<float>(table, 1, values);
  model.pack(values);
  model.forward(x, y, saved, workspace);
  double const loss = train::cross_entropy<float>(y, labels, {}, dy);
  model.backward(x, saved, tshift::tensor_view<float const>(dy), {}, gradients, workspace);
  double const factor = train::gradient_clipping<float>(table, gradients, 5).factor;
  train::adamw<float>(table, {.rate = 1e-3}, 1, {values, gradients, first, second}, factor);
  return loss;
}

double steps(tshift::weights::state_dict const& weights, floats const& x, floats const& y, floats const& dy,
             std::span<float> memory);

double steps(tshift::weights::state_dict const& weights, floats const& x, floats const& y, floats const& dy,
             std::span<float> memory) {
  train::parameter_table one, two, three;
  train::shift_cnn<float> cnn(one, train::shift_cnn_sizes_of(weights), {});
  train::shift_lstm<float> lstm(two, train::shift_lstm_sizes_of(weights), {});
  train::shiftformer<float> shiftformer(three, train::shiftformer_sizes_of(weights), {});
  train::read_values<float>(one, weights, memory);
  return step(one, cnn, x, y, dy, memory) + step(two, lstm, x, y, dy, memory) +
         step(three, shiftformer, x, y, dy, memory);
}

/// A student's step, and one of a CRNN.
double transfer(tshift::weights::state_dict const& weights, floats const& x, floats const& image, floats const& y,
                floats const& dy, floats const& feature, std::span<float> memory);

double transfer(tshift::weights::state_dict const& weights, floats const& x, floats const& image, floats const& y,
                floats const& dy, floats const& feature, std::span<float> memory) {
  train::parameter_table one, two;
  train::crnn<float> crnn(one, train::crnn_sizes_of(weights), {});
  train::read_values<float>(one, train::crnn_without_norms<float>(weights), memory);
  train::vertical_vit<float> student(two, train::vertical_vit_sizes_of(weights), {});
  std::vector<float> saved = student.make_saved(x.shape), workspace = student.make_workspace(x.shape);
  std::vector<tshift::index_t> const labels(static_cast<std::size_t>(y.shape.batch));
  student.forward(x, y, saved, workspace);
  auto const losses = train::transfer_loss<float>(y, labels, student.feature(x.shape, saved), feature,
                                                  train::transfer_options::of_both(0.5), dy, feature);
  student.backward_both(x, saved, feature, dy, {}, memory, workspace);
  return losses.total + step(one, crnn, image, y, dy, memory);
}

}  // namespace training
