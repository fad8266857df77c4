// SPDX-License-Identifier: MIT
// A user's unit with what the others for the linters leave out: files, adapters, blocks in double, the definitions,
// features, and the cases for other people's shifts.
#include <tshift/audio.hpp>
#include <tshift/audio/reference.hpp>
#include <tshift/conformance.hpp>
#include <tshift/interop/eigen_thread_pool.hpp>
#include <tshift/interop/openmp.hpp>
#include <tshift/io/safetensors.hpp>
#include <tshift/models/crnn.hpp>
#include <tshift/models/vertical_vit.hpp>
#include <tshift/nn/activations.hpp>
#include <tshift/nn/conv2d.hpp>
#include <tshift/nn/depthwise_conv1d.hpp>
#include <tshift/nn/instance_norm.hpp>
#include <tshift/nn/layer_norm.hpp>
#include <tshift/nn/linear.hpp>
#include <tshift/nn/lstm.hpp>
#include <tshift/nn/mlp.hpp>
#include <tshift/nn/pool.hpp>
#include <tshift/nn/pool2d.hpp>
#include <tshift/nn/self_attention.hpp>
#include <tshift/nn/summary.hpp>
#include <tshift/presets.hpp>
#include <tshift/reference.hpp>
#include <tshift/tshift.hpp>
#include <tshift/weights/shared_array.hpp>
#include <tshift/weights/speech_encoder_names.hpp>
#include <tshift/weights/state_reader.hpp>

#include <complex>
#include <filesystem>
#include <utility>

template class tshift::shift_stream<std::complex<float>>;
template class tshift::shifted_view<std::complex<float>>;
template class tshift::audio::log_mel<double>;
template class tshift::audio::log_mel_stream<float>;
template class tshift::weights::state_reader<double>;
template class tshift::weights::values<double>;
template class tshift::weights::shared_array<double>;
template class tshift::models::crnn<double>;
template class tshift::models::vertical_vit<double>;
template class tshift::nn::conv2d<double>;
template class tshift::nn::depthwise_conv1d<double>;
template class tshift::nn::instance_norm<double>;
template class tshift::nn::layer_norm<double>;
template class tshift::nn::linear<double>;
template class tshift::nn::lstm<double>;
template class tshift::nn::mlp<double>;
template class tshift::nn::self_attention<double>;
template class tshift::nn::summary<double>;

namespace rest {

using floats = tshift::tensor_view<float>;

tshift::index_t copy_file(std::filesystem::path const& from, std::filesystem::path const& to);
tshift::index_t shift_on(Eigen::ThreadPoolInterface& pool, floats const& x, floats const& y);
bool conforms();
tshift::index_t layers_of(std::filesystem::path const& checkpoint);
void hear(tshift::openmp_executor const& exec, floats const& wave, floats const& y, floats const& stacked);

tshift::index_t copy_file(std::filesystem::path const& from, std::filesystem::path const& to) {
  auto const file = tshift::io::safetensors::open(from);
  tshift::io::write_safetensors(to, file.state_dict());
  return file.state_dict().size();
}

tshift::index_t layers_of(std::filesystem::path const& checkpoint) {
  auto const file = tshift::io::safetensors::open(checkpoint);
  auto const read = tshift::weights::speech_encoder_weights(file.state_dict());
  return read.encoder.contains("encoder.layer_norm.bias") ? read.sizes.layers : read.rest.size();
}

tshift::index_t shift_on(Eigen::ThreadPoolInterface& pool, floats const& x, floats const& y) {
  tshift::shift_plan const plan = tshift::presets::rwkv(x.shape.channels);
  tshift::shift(tshift::eigen_executor{pool}, x, y, plan);
  tshift::shift(tshift::openmp_executor{}, x, y, plan);
  tshift::nn::gelu(tshift::shifted(x, plan), y);
  tshift::nn::elu(tshift::shifted(x, plan), y);
  tshift::nn::avg_pool(tshift::openmp_executor{}, x, y, tshift::nn::pooled(2), tshift::nn::pooled(1));
  tshift::reference::shift_add(x, x, y, plan);
  tshift::reference::shift_adjoint(x, y, plan);
  return tshift::conformance::compare<float>(x, y).t;
}

bool conforms() {
  auto const mine = [](auto const& x, auto const& y, auto const& plan) { tshift::shift(x, y, plan); };
  auto const inplace = [](auto const& x, auto const& plan) { tshift::shift_inplace(x, plan); };
  auto const add = [](auto const& x, auto const& r, auto const& y, auto const& plan) {
    tshift::shift_add(x, r, y, plan);
  };
  auto const adjoint = [](auto const& dy, auto const& dx, auto const& plan) { tshift::shift_adjoint(dy, dx, plan); };
  auto const stream = [](auto const& plan, auto const& frame) { return tshift::shift_stream<float>(plan, frame); };
  namespace conformance = tshift::conformance;
  return conformance::check<float>(mine).passed() && conformance::check<std::complex<double>>(mine).passed() &&
         conformance::check_inplace<float>(inplace).passed() && conformance::check_add<float>(add).passed() &&
         conformance::check_adjoint<float>(adjoint).passed() && conformance::check_stream<float>(stream).passed();
}

void hear(tshift::openmp_executor const& exec, floats const& wave, floats const& y, floats const& stacked) {
  namespace audio = tshift::audio;
  audio::log_mel<float> const mel(audio::presets::table[0].make(16000));
  auto workspace = mel.make_workspace(wave.shape, 2);
  mel.forward(exec, wave, y, workspace);
  audio::log_mel_workspace moved(std::move(workspace));
  workspace = std::move(moved);
  audio::log_mel_stream<float> stream(audio::presets::kaldi());
  audio::log_mel_stream<float> copy = stream;
  stream = copy;
  audio::deltas(exec, y, y, tshift::delta_kind::htk);
  audio::stack_deltas(y, stacked, tshift::delta_kind::librosa);
  audio::spectrogram_image(exec, y, stacked);
  audio::band_statistics statistics(mel.bands());
  statistics.add(y);
  statistics.merge(statistics);
  audio::normalise_utterances(y, y);
  audio::normalise(y, y, statistics);
  auto const values = audio::reference::log_mel(mel.options(), {});
  (void)audio::reference::deltas(values, mel.bands(), tshift::delta_kind::htk);
  (void)audio::reference::image({}, values, mel.bands(), 4, 4);
}

}  // namespace rest
