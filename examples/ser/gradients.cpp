// SPDX-License-Identifier: MIT
#include "gradients.hpp"

#include <cstddef>
#include <cstdio>
#include <tshift/io/safetensors.hpp>
#include <tshift/train/loss.hpp>
#include <utility>

#include "batch_file.hpp"
#include "error.hpp"
#include "interrupts.hpp"
#include "tensor_file.hpp"
#include "trainee.hpp"

namespace ser {
namespace {

constexpr char const* details =
    "W holds a model of ShiftSER. IN holds x [N, L, D] and `labels` [N], I64 or I32; with --lengths, `lengths` [N]. Everything\n"
    "is computed in F64 where x is, and in F32 otherwise. OUT gets `y` [N, classes], `loss`, the gradient of x as `grad.x`,\n"
    "zeros behind a sequence's length, and that of each parameter as `grad.NAME`. The loss is the mean cross-entropy,\n"
    "weighted by class as torch.nn.CrossEntropyLoss is.\n"
    "\n";

}  // namespace

gradients_command::gradients_command(CLI::App& program)
    : command_(*program.add_subcommand("gradients", "Loss and gradients of a batch")) {
  command_.footer(std::string(details) + model_details);
  command_.get_formatter()->column_width(36);
  command_.add_option("--weights", words_.weights, "A safetensors file")->type_name("W")->required();
  command_.add_option("--input", words_.input, "A safetensors file")->type_name("IN")->required();
  command_.add_option("--output", words_.output, "A safetensors file")->type_name("OUT")->required();
  command_.add_option("--tensor", words_.tensor, "What x is called in IN (x)")->type_name("NAME");
  command_.add_option("--labels-tensor", labels_, "What the labels are called in IN (labels)")->type_name("NAME");
  command_.add_flag("--lengths", words_.lengths, "Sequences end where the tensor `lengths` says");
  command_.add_option("--class-weights", weights_, "One for each class")->type_name("W,W,...")->delimiter(',');
  command_.add_option("--smoothing", smoothing_, "Of labels, from 0 to 1")->type_name("E");
  add_model_options(command_, words_);
}

void gradients_command::run() const {
  auto const file = tshift::io::safetensors::open(words_.input);
  if (need(file, words_.tensor).type == tshift::weights::dtype::f64) {
    run_as<double>();
  } else {
    run_as<float>();
  }
}

template <class T>
void gradients_command::run_as() const {
  auto const weights = tshift::io::safetensors::open(words_.weights).state_dict();
  trainee<T> model(weights, words_);
  auto const file = tshift::io::safetensors::open(words_.input);
  batch_of<T> const batch = read_batch<T>(file, words_.tensor, labels_, words_.lengths, model.channels());
  train::cross_entropy_options const options{weights_, smoothing_};
  std::vector<T> y(batch.labels.size() * static_cast<std::size_t>(model.classes())), dx(batch.x.size());
  double const divisor = train::cross_entropy_divisor(batch.labels, model.classes(), options);
  double const loss = model.add_gradients(batch.view(), batch.labels, options, divisor, y,
                                          tshift::tensor_view<T>(dx.data(), batch.shape));
  std::vector<T> const of_loss{static_cast<T>(loss)};
  std::vector<index_t> const x_shape{batch.shape.batch, batch.shape.time, batch.shape.channels};
  std::vector<tshift::weights::tensor> made;
  made.emplace_back("y", std::vector<index_t>{batch.shape.batch, model.classes()}, y);
  made.emplace_back("loss", std::vector<index_t>{}, of_loss);
  made.emplace_back("grad.x", x_shape, dx);
  for (train::parameter const& p : model.table()) {
    made.emplace_back("grad." + p.name, p.shape,
                      model.gradients().subspan(static_cast<std::size_t>(p.offset), static_cast<std::size_t>(p.size)));
  }
  {
    interrupts_held const now;
    tshift::io::write_safetensors(words_.output, made);
  }
  std::printf("loss %.9g\n%s: y, loss, and the gradients of x and of %td parameters in %s\n", loss,
              one_line(words_.output).c_str(), model.table().count(), sizeof(T) == 8 ? "F64" : "F32");
}

}  // namespace ser
