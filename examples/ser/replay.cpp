// SPDX-License-Identifier: MIT
#include "replay.hpp"

#include <cstddef>
#include <cstdio>
#include <memory>
#include <span>
#include <tshift/io/safetensors.hpp>
#include <tshift/train/clip.hpp>
#include <tshift/train/optimiser.hpp>
#include <vector>

#include "batch_file.hpp"
#include "error.hpp"
#include "interrupts.hpp"
#include "trainee.hpp"

namespace ser {
namespace {

template <class T>
void replay_as(model_options words, recipe const& how, transfer_words const& transfer,
               tshift::io::safetensors const& file) {
  auto const weights = tshift::io::safetensors::open(words.weights);
  take_model(words, weights.metadata());
  auto const& x = need(file, words.tensor);
  trainee<T> model(weights.state_dict(), words, {}, 0, x.shape.empty() ? 0 : x.shape.back());
  std::unique_ptr<teacher<T>> from;
  if (transfer.given()) {
    from = transfer.open<T>();
    from->check(model);
  }
  transfer_plan const plan = transfer.plan();
  if (plan.classes == 0) model.keep_classifier();
  train::transfer_options const options{plan.classes, plan.features, how.loss()};
  if (x.shape.size() != 4 || x.shape[3] != model.channels() || x.size() == 0) {
    throw ser_error(title(file, words.tensor) + " is " + shown(x.shape) + ", must be [S, N, L, " +
                    std::to_string(model.channels()) + "], none of them 0");
  }
  index_t const steps = x.shape[0], batch = x.shape[1];
  tshift::shape const dims{batch, x.shape[2], x.shape[3]};
  auto const of_all = [&](std::string const& name) {
    auto result = integers_of(file, name);
    if (need(file, name).shape != std::vector<index_t>{steps, batch}) {
      throw ser_error(title(file, name) + " is " + shown(need(file, name).shape) + ", must be " +
                      shown(std::vector<index_t>{steps, batch}));
    }
    return result;
  };
  std::vector<T> const values = numbers_of<T>(file, words.tensor);
  std::vector<index_t> const labels = of_all("labels");
  std::vector<index_t> lengths;
  if (words.lengths) lengths = of_all("lengths");

  rates const rate(how, steps);
  std::vector<T> first(model.values().size()), second(first.size()),
      y(static_cast<std::size_t>(batch * model.classes()));
  std::vector<T> losses, norms, used;
  for (index_t s = 0; s < steps; ++s) {
    auto const of_step = [s, batch](std::vector<index_t> const& all) {
      return std::span<index_t const>(all).subspan(static_cast<std::size_t>(s * batch),
                                                   static_cast<std::size_t>(batch));
    };
    std::span<index_t const> const own = of_step(labels);
    tshift::tensor_view<T const> const batch_x(values.data() + s * dims.size(), dims, tshift::layout::ntc,
                                               lengths.empty() ? std::span<index_t const>() : of_step(lengths));
    std::fill(model.gradients().begin(), model.gradients().end(), T(0));
    train::transfer_divisors const divisors{train::cross_entropy_divisor(own, model.classes(), options.cross_entropy),
                                            static_cast<double>(batch) * static_cast<double>(model.features())};
    std::span<T const> target;
    if (from != nullptr) target = from->features_of(batch_x);
    double const loss = model.add_gradients(batch_x, own, options, divisors, target, y, {}).total;
    auto const clipped = train::gradient_clipping<T>(model.table(), model.gradients(), how.clip);
    losses.push_back(static_cast<T>(loss));
    norms.push_back(static_cast<T>(clipped.norm));
    used.push_back(static_cast<T>(rate.of(s)));
    if (!clipped.finite()) {
      auto const* const where = train::first_not_finite<T>(model.table(), model.gradients());
      throw ser_error("step " + std::to_string(s) + ": the gradient is not finite" +
                      (where != nullptr ? ", first that of " + where->name : ""));
    }
    train::adamw<T>(model.table(), {.rate = rate.of(s), .decay = how.weight_decay}, s + 1,
                    {model.values(), model.gradients(), first, second}, clipped.factor);
    model.pack();
  }
  std::vector<tshift::weights::tensor> made;
  made.emplace_back("loss", std::vector<index_t>{steps}, losses);
  made.emplace_back("grad_norm", std::vector<index_t>{steps}, norms);
  made.emplace_back("lr", std::vector<index_t>{steps}, used);
  for (train::parameter const& p : model.table()) {
    made.emplace_back("after." + p.name, p.shape,
                      model.values().subspan(static_cast<std::size_t>(p.offset), static_cast<std::size_t>(p.size)));
  }
  {
    interrupts_held const now;
    tshift::io::write_safetensors(words.output, made);
  }
  std::printf("%td steps, loss %.6g to %.6g\n%s: loss, grad_norm and lr of each step, and %td parameters after them\n",
              steps, static_cast<double>(losses.front()), static_cast<double>(losses.back()),
              one_line(words.output).c_str(), model.table().count());
}

}  // namespace

void replay(model_options const& words, recipe const& how, transfer_words const& transfer, std::string const& path) {
  auto const file = tshift::io::safetensors::open(path);
  if (need(file, words.tensor).type == tshift::weights::dtype::f64) {
    replay_as<double>(words, how, transfer, file);
  } else {
    replay_as<float>(words, how, transfer, file);
  }
}

}  // namespace ser
