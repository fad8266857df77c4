// SPDX-License-Identifier: MIT
// From PyTorch to C++: a checkpoint saved by safetensors.torch.save_file becomes a model. Here the file is made first,
// of small random weights, and removed at the end; in earnest it comes from Python.
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include <tshift/io/safetensors.hpp>
#include <tshift/models/shift_cnn.hpp>

namespace {

using tshift::index_t;
using tshift::weights::state_dict;

/// The same numbers in every run, in [-0.5, 0.5).
std::vector<float> noise(std::size_t size) {
  static std::uint32_t state = 1;
  std::vector<float> values(size);
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(state >> 8) / static_cast<float>(1 << 24) - 0.5f;
  }
  return values;
}

/// What torch.nn.Module.state_dict() is for a ShiftCNN: names, shapes, elements. A file is one source of it, and by hand
/// is another.
state_dict small_checkpoint(index_t D, index_t classes) {
  state_dict weights;
  auto const add = [&](std::string const& name, std::vector<index_t> const& shape) {
    std::size_t size = 1;
    for (index_t const n : shape) size *= static_cast<std::size_t>(n);
    weights.add_owned(name + ".weight", shape, noise(size));
    weights.add_owned(name + ".bias", {shape[0]}, noise(static_cast<std::size_t>(shape[0])));
  };
  for (std::string const block : {"conv_block.0.sequential.", "conv_block.1.sequential."}) {
    add(block + "0", {D, 1, 7});
    add(block + "2", {D});
    add(block + "4", {4 * D, D, 1});
    add(block + "6", {D, 4 * D, 1});
  }
  add("norm", {D});
  add("head", {classes, D});
  return weights;
}

/// A file that is gone when its name goes out of scope.
class temporary_file {
 public:
  temporary_file()
      : path_(std::filesystem::temp_directory_path() / ("tshift_07_" + std::to_string(::getpid()) + ".safetensors")) {}
  temporary_file(temporary_file const&) = delete;
  temporary_file& operator=(temporary_file const&) = delete;
  ~temporary_file() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }

  std::filesystem::path const& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::vector<float> run(std::filesystem::path const& path, std::vector<float> const& features, index_t batch,
                       index_t frames) {
  // [readme]
  auto const file = tshift::io::safetensors::open(path);  // mapped, checked, not copied
  tshift::models::shift_cnn<float> const model(file.state_dict());
  tshift::shape const shape{.batch = batch, .time = frames, .channels = model.channels()};
  std::vector<float> logits(static_cast<std::size_t>(batch * model.classes()));
  tshift::tensor_view const x(features, shape);
  tshift::tensor_view const y(logits, tshift::shape{.batch = batch, .time = 1, .channels = model.classes()});
  std::vector<float> workspace = model.make_workspace(shape);  // one for each thread that calls forward
  model.forward(x, y, workspace);                              // allocates nothing, as often as you like
  // [/readme]
  return logits;
}

}  // namespace

int main() try {
  constexpr index_t D = 32, classes = 4, batch = 2, frames = 20;
  state_dict const weights = small_checkpoint(D, classes);
  std::vector<float> const features = noise(static_cast<std::size_t>(batch * frames * D));

  temporary_file const file;
  tshift::io::write_safetensors(file.path(), weights);
  std::vector<float> const logits = run(file.path(), features, batch, frames);

  // The same model straight from memory gives the same bits.
  tshift::models::shift_cnn<float> const model(weights);
  tshift::shape const shape{.batch = batch, .time = frames, .channels = D};
  std::vector<float> expected(logits.size()), workspace = model.make_workspace(shape);
  tshift::tensor_view const x(features, shape);
  tshift::tensor_view const y(expected, tshift::shape{.batch = batch, .time = 1, .channels = classes});
  model.forward(x, y, workspace);
  bool const equal = logits == expected;

  // Without its shift it is another model, and the shift is what makes the difference.
  tshift::models::shift_cnn<float> const cnn(weights, tshift::models::shift_cnn<float>::baseline);
  cnn.forward(x, y, workspace);
  bool const differs = logits != expected;

  // A checkpoint of something else does not pass.
  state_dict more = weights;
  more.add_owned("head.scale", {1}, {1.f});
  bool refused = false;
  try {
    tshift::models::shift_cnn<float> const none(more);
  } catch (tshift::shape_error const& error) {
    refused = std::string(error.what()) == "shift_cnn: tensor head.scale is not part of the model";
  }

  for (index_t n = 0; n < batch; ++n) {
    std::printf("sequence %td:", n);
    for (index_t k = 0; k < classes; ++k)
      std::printf(" %9.6f", static_cast<double>(logits[static_cast<std::size_t>(n * classes + k)]));
    std::printf("\n");
  }
  std::puts(equal && differs && refused ? "The file and the memory give the same logits."
                                        : "This is not as it should be.");
  return equal && differs && refused ? 0 : 1;
} catch (std::exception const& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
