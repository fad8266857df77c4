// SPDX-License-Identifier: MIT
#include "gradients.hpp"

#include <cstddef>
#include <cstdio>
#include <memory>
#include <span>
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
    "W holds one of the models below. IN holds x [N, L, D] and `labels` [N], I64 or I32; with --lengths, `lengths` [N]. Everything\n"
    "is computed in F64 where x is, and in F32 otherwise. OUT gets `y` [N, classes], `loss`, the gradient of x as `grad.x`,\n"
    "zeros behind a sequence's length, and that of each parameter as `grad.NAME`. The loss is the mean cross-entropy,\n"
    "weighted by class as torch.nn.CrossEntropyLoss is. A vertical-patch ViT has `feature` [N, D] as well, and with --teacher a\n"
    "loss of it: alpha times the mean distance of what the teacher makes of the same x.\n"
    "\n";

}  // namespace

gradients_command::gradients_command(CLI::App& program)
    : command_(*program.add_subcommand("gradients", "Loss and gradients of a batch")) {
  command_.footer(std::string(details) + model_details + "\n\n" + image_model_details);
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
  add_image_words(command_, words_.images);
  transfer_.add_to(command_);
}

void gradients_command::run() const {
  transfer_.check();
  auto const file = tshift::io::safetensors::open(words_.input);
  if (need(file, words_.tensor).type == tshift::weights::dtype::f64) {
    run_as<double>();
  } else {
    run_as<float>();
  }
}

template <class T>
void gradients_command::run_as() const {
  auto const weights = tshift::io::safetensors::open(words_.weights);
  model_options words = words_;
  take_model(words, weights.metadata());
  auto const file = tshift::io::safetensors::open(words_.input);
  auto const& given = need(file, words_.tensor).shape;
  trainee<T> model(weights.state_dict(), words, {}, 0, given.empty() ? 0 : given.back());
  batch_of<T> const batch =
      read_batch<T>(file, words_.tensor, labels_, words_.lengths, model.channels(), model.shortest());
  transfer_plan const plan = transfer_.plan();
  train::transfer_options const options{plan.classes, plan.features, {weights_, smoothing_}};
  train::transfer_divisors const divisors{
      train::cross_entropy_divisor(batch.labels, model.classes(), options.cross_entropy),
      static_cast<double>(batch.shape.batch) * static_cast<double>(model.features())};
  std::unique_ptr<teacher<T>> from;
  if (transfer_.given()) {
    from = transfer_.open<T>();
    from->check(model);
  }
  std::span<T const> target;
  if (from != nullptr) target = from->features_of(batch.view());
  std::vector<T> y(batch.labels.size() * static_cast<std::size_t>(model.classes())), dx(batch.x.size());
  auto const losses = model.add_gradients(batch.view(), batch.labels, options, divisors, target, y,
                                          tshift::tensor_view<T>(dx.data(), batch.shape));
  std::vector<T> const of_loss{static_cast<T>(losses.total)};
  std::vector<index_t> const x_shape{batch.shape.batch, batch.shape.time, batch.shape.channels};
  std::vector<tshift::weights::tensor> made;
  made.emplace_back("y", std::vector<index_t>{batch.shape.batch, model.classes()}, y);
  made.emplace_back("loss", std::vector<index_t>{}, of_loss);
  made.emplace_back("grad.x", x_shape, dx);
  if (model.features() > 0) {
    made.emplace_back("feature", std::vector<index_t>{batch.shape.batch, model.features()}, model.feature(batch.shape));
  }
  for (train::parameter const& p : model.table()) {
    made.emplace_back("grad." + p.name, p.shape,
                      model.gradients().subspan(static_cast<std::size_t>(p.offset), static_cast<std::size_t>(p.size)));
  }
  {
    interrupts_held const now;
    tshift::io::write_safetensors(words_.output, made);
  }
  std::printf("loss %.9g\n%s: y, loss,%s and the gradients of x and of %td parameters in %s\n", losses.total,
              one_line(words_.output).c_str(), model.features() > 0 ? " feature," : "", model.table().count(),
              sizeof(T) == 8 ? "F64" : "F32");
}

}  // namespace ser
