// SPDX-License-Identifier: MIT
#include "trainer.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <tshift/io/safetensors.hpp>
#include <tshift/train/clip.hpp>
#include <tshift/train/optimiser.hpp>
#include <tshift/train/random.hpp>

#include "batch_file.hpp"
#include "error.hpp"
#include "interrupts.hpp"

namespace ser {
namespace {

namespace fs = std::filesystem;

/// Memory that what is kept between the passes may take: a batch comes in pieces, which changes no bit.
constexpr index_t kept_at_once = index_t{64} << 20;  // elements

constexpr index_t purpose_of_roll = train::purposes::own + 1;

nlohmann::json json_of(epoch_result const& e) {
  return {e.epoch, e.step, e.loss, e.grad_norm, e.rate, e.dev_loss, e.dev_wa, e.dev_ua, e.dev_f1};
}
epoch_result epoch_of(nlohmann::json const& j) {
  return {j.at(0), j.at(1), j.at(2), j.at(3), j.at(4), j.at(5), j.at(6), j.at(7), j.at(8)};
}

}  // namespace

trainer::trainer(trainee<float>& model, dataset const& data, parts const& of, training_options const& how,
                 std::string const& folder, std::string const& config, std::map<std::string, std::string> const& about)
    : model_(model), data_(data), parts_(of), how_(how), folder_(folder), config_(config), about_(about),
      digest_(folder.empty() ? 0 : data.digest()),
      rates_(how.how,
             how.epochs * std::max<index_t>(1, (static_cast<index_t>(of.train.size()) + how.batch - 1) / how.batch)),
      first_(model.values().size()), second_(model.values().size()),
      best_(model.values().begin(), model.values().end()) {
  if (how.transfer.classes == 0) model.keep_classifier();
  std::string labels;
  for (std::string const& label : data_.labels) labels += (labels.empty() ? "" : ",") + utf8(label);
  about_["labels"] = labels;
}

index_t trainer::steps_of_epoch() const noexcept {
  return (static_cast<index_t>(parts_.train.size()) + how_.batch - 1) / how_.batch;
}

tshift::tensor_view<float const> trainer::gather(std::span<index_t const> samples, index_t epoch, bool random) {
  lengths_.clear();
  labels_.clear();
  std::vector<index_t> begin;
  index_t longest = 0;
  for (index_t const i : samples) {
    sample const& s = data_.samples[static_cast<std::size_t>(i)];
    bool const cut = how_.crop > 0 && s.frames > how_.crop;
    index_t const spare = cut ? s.frames - how_.crop : 0;
    index_t at = spare / 2;
    if (random && spare > 0) {
      at = train::random_stream(how_.seed, train::purposes::crop, epoch, i).below(spare + 1);
    }
    begin.push_back(at);
    lengths_.push_back(s.frames - spare);
    labels_.push_back(s.label);
    longest = std::max(longest, s.frames - spare);
  }
  tshift::shape const dims{static_cast<index_t>(samples.size()), longest, data_.channels};
  x_.assign(static_cast<std::size_t>(dims.size()), 0.0f);
  for (std::size_t n = 0; n < samples.size(); ++n) {
    auto const from = data_.features_of(data_.samples[static_cast<std::size_t>(samples[n])]);
    auto const first = static_cast<std::ptrdiff_t>(begin[n] * data_.channels);
    auto const to = x_.begin() + static_cast<std::ptrdiff_t>(n) * longest * data_.channels;
    auto const size = lengths_[n] * data_.channels;
    std::copy_n(from.begin() + first, size, to);
    if (random && how_.roll > 0) {
      index_t const drawn =
          train::random_stream(how_.seed, purpose_of_roll, epoch, samples[n]).below(2 * how_.roll + 1);
      index_t const frames = (drawn - how_.roll) % lengths_[n];
      std::rotate(to, to + (frames < 0 ? -frames : lengths_[n] - frames) * data_.channels, to + size);
    }
  }
  return {x_.data(), dims, tshift::layout::ntc, lengths_};
}

void trainer::step(std::span<index_t const> batch, index_t epoch, index_t number) {
  std::ranges::fill(model_.gradients(), 0.0f);
  std::vector<index_t> all_labels;
  for (index_t const i : batch) all_labels.push_back(data_.samples[static_cast<std::size_t>(i)].label);
  auto const options = losses();
  train::transfer_divisors const divisors{
      train::cross_entropy_divisor(all_labels, model_.classes(), options.cross_entropy),
      static_cast<double>(batch.size()) * static_cast<double>(model_.features())};
  double loss = 0;
  for (std::size_t done = 0; done < batch.size();) {
    std::size_t some = batch.size() - done;
    for (;; some = (some + 1) / 2) {
      index_t longest = 1;
      for (index_t const i : batch.subspan(done, some)) {
        index_t const frames = data_.samples[static_cast<std::size_t>(i)].frames;
        longest = std::max(longest, how_.crop > 0 ? std::min(frames, how_.crop) : frames);
      }
      if (some == 1 || model_.saved_size({static_cast<index_t>(some), longest, data_.channels}) <= kept_at_once) break;
    }
    auto const part = batch.subspan(done, some);
    auto const x = gather(part, epoch, true);
    y_.resize(some * static_cast<std::size_t>(model_.classes()));
    train::random_batch const random{how_.seed, epoch, number, part};
    loss += model_.add_gradients(x, labels_, options, divisors, taught(x), y_, {}, &random).total;
    done += some;
  }
  auto const clipped =
      train::gradient_clipping<float>(model_.exec(), model_.table(), model_.gradients(), how_.how.clip);
  if (!std::isfinite(loss) || !clipped.finite()) refuse(batch, epoch, loss, clipped.norm);
  train::adamw<float>(model_.exec(), model_.table(), {.rate = rates_.of(step_), .decay = how_.how.weight_decay},
                      step_ + 1, {model_.values(), model_.gradients(), first_, second_}, clipped.factor);
  model_.pack();
  ++step_;
  double const weight = options.classes > 0 ? divisors.classes : static_cast<double>(batch.size());
  loss_sum_ += loss * weight;
  weight_sum_ += weight;
  norm_sum_ += clipped.norm;
}

void trainer::refuse(std::span<index_t const> batch, index_t epoch, double loss, double norm) {
  auto const* const where = train::first_not_finite<float>(model_.table(), model_.gradients());
  std::string names;
  for (std::size_t n = 0; n < batch.size() && names.empty(); ++n) {  // one by one, which of them it is
    auto const x = gather(batch.subspan(n, 1), epoch, true);
    y_.resize(static_cast<std::size_t>(model_.classes()));
    model_.forward(x, y_);
    bool const finite = std::ranges::all_of(y_, [](float v) { return std::isfinite(v); });
    if (!finite) names = "; first with logits that are not finite: ";
    if (!finite) names += one_line(data_.samples[static_cast<std::size_t>(batch[n])].name);
  }
  if (names.empty()) {
    names = "; each of its samples has finite logits, the first is ";
    names += one_line(data_.samples[static_cast<std::size_t>(batch.front())].name);
  }
  save();
  throw ser_error("step " + std::to_string(step_ + 1) + ": the loss is " + std::to_string(loss) +
                  ", the norm of the gradients " + std::to_string(norm) +
                  (where != nullptr ? "; first gradient that is not finite: " + where->name : "") + names +
                  (folder_.empty() ? "" : "; what was before this step is saved"));
}

train::transfer_options trainer::losses() const {
  return {how_.transfer.classes, how_.transfer.features, how_.how.loss()};
}

std::span<float const> trainer::taught(tshift::tensor_view<float const> const& x) const {
  if (how_.transfer.from == nullptr) return {};
  return how_.transfer.from->features_of(x);
}

double trainer::evaluate(std::span<index_t const> samples, confusion& to, std::vector<float>* logits) {
  double loss = 0, weight = 0, distance = 0;
  auto const options = how_.how.loss();
  for (std::size_t done = 0; done < samples.size();) {
    std::size_t const some = std::min<std::size_t>(samples.size() - done, 16);
    auto const x = gather(samples.subspan(done, some), 0, false);
    auto const classes = static_cast<std::size_t>(model_.classes());
    y_.resize(some * classes);
    model_.forward(x, y_);
    double const divisor = train::cross_entropy_divisor(labels_, model_.classes(), options);
    tshift::tensor_view<float const> const y(y_.data(), {static_cast<index_t>(some), 1, model_.classes()});
    loss += train::cross_entropy<float const>(y, labels_, options, divisor) * divisor;
    weight += divisor;
    if (auto const target = taught(x); !target.empty()) {
      tshift::shape const of{static_cast<index_t>(some), 1, model_.features()};
      tshift::tensor_view<float const> const own(model_.feature(x.shape).data(), of), aim(target.data(), of);
      distance += train::l1<float const>(own, aim, static_cast<double>(model_.features()));
    }
    if (logits != nullptr) logits->insert(logits->end(), y_.begin(), y_.end());
    for (std::size_t n = 0; n < some; ++n) {
      auto const row = std::span(y_).subspan(n * classes, classes);
      to.add(labels_[n], std::ranges::max_element(row) - row.begin());
    }
    done += some;
  }
  transfer_plan const& plan = how_.transfer;
  double const of_classes = weight > 0 ? loss / weight : 0;
  if (plan.from == nullptr) return of_classes;
  double const of_features = samples.empty() ? 0 : distance / static_cast<double>(samples.size());
  return plan.classes * of_classes + plan.features * of_features;
}

bool trainer::run(std::function<void(epoch_result const&)> const& ended, std::function<bool()> const& stop) {
  index_t const each = steps_of_epoch();
  std::vector<index_t> order(parts_.train.size());
  while (static_cast<index_t>(epochs_.size()) < how_.epochs) {
    auto const epoch = static_cast<index_t>(epochs_.size());  // whose last step may be done already, and nothing more
    index_t const done = step_ - epoch * each;
    if (how_.patience > 0 && epoch - best_epoch_ >= how_.patience && done == 0 && epoch > 0) break;
    if (how_.shuffles) {
      train::shuffle(how_.seed, epoch, order);
      for (index_t& i : order) i = parts_.train[static_cast<std::size_t>(i)];
    } else {
      std::ranges::copy(parts_.train, order.begin());
    }
    for (index_t b = done; b < each; ++b) {
      auto const first = static_cast<std::size_t>(b * how_.batch);
      auto const count = std::min(order.size() - first, static_cast<std::size_t>(how_.batch));
      step(std::span<index_t const>(order).subspan(first, count), epoch, b);
      if (stop()) {
        save();
        return false;
      }
    }
    epoch_result result;
    result.epoch = epoch + 1;
    result.step = step_;
    result.rate = rates_.of(step_ - 1);
    result.loss = loss_sum_ / weight_sum_;
    result.grad_norm = norm_sum_ / static_cast<double>(each);
    loss_sum_ = weight_sum_ = norm_sum_ = 0;
    confusion matrix(model_.classes());
    result.dev_loss = evaluate(parts_.dev, matrix);
    result.dev_wa = matrix.weighted_accuracy();
    result.dev_ua = matrix.unweighted_accuracy();
    result.dev_f1 = matrix.macro_f1();
    rates_.epoch_ended(result.dev_loss);
    epochs_.push_back(result);
    if (parts_.dev.empty() || quality(result) > best_quality_) {
      best_quality_ = quality(result);
      best_epoch_ = epoch + 1;
      std::ranges::copy(model_.values(), best_.begin());
      save_best();
    }
    save();
    ended(result);
  }
  return true;
}

void trainer::save_best() const {
  if (folder_.empty()) return;
  std::vector<tshift::weights::tensor> made;
  if (form_) made = form_(best_);
  for (auto const& p : model_.table()) {
    if (form_) break;
    made.emplace_back(
        p.name, p.shape,
        std::span<float const>(best_).subspan(static_cast<std::size_t>(p.offset), static_cast<std::size_t>(p.size)));
  }
  interrupts_held const now;
  tshift::io::write_safetensors((fs::path(folder_) / "best.safetensors").string(), made, about_);
}

void trainer::save() const {
  if (folder_.empty()) return;
  nlohmann::json state{{"config", config_},         {"data", digest_},           {"step", step_},
                       {"best_ua", best_quality_},  {"best_epoch", best_epoch_}, {"loss_sum", loss_sum_},
                       {"weight_sum", weight_sum_}, {"norm_sum", norm_sum_},     {"epochs", nlohmann::json::array()}};
  for (epoch_result const& e : epochs_) state["epochs"].push_back(json_of(e));
  std::vector<tshift::weights::tensor> made;
  auto const add = [this, &made](std::string const& prefix, std::span<float const> flat) {
    for (auto const& p : model_.table()) {
      made.emplace_back(prefix + p.name, p.shape,
                        flat.subspan(static_cast<std::size_t>(p.offset), static_cast<std::size_t>(p.size)));
    }
  };
  add("", model_.values());
  add("optim.m.", first_);
  add("optim.v.", second_);
  add("best.", best_);
  interrupts_held const now;
  tshift::io::write_safetensors((fs::path(folder_) / "last.safetensors").string(), made, {{"training", state.dump()}});
}

bool trainer::resume() {
  std::string const path = (fs::path(folder_) / "last.safetensors").string();
  if (folder_.empty() || !fs::exists(path)) return false;
  auto const file = tshift::io::safetensors::open(path);
  auto const found = file.metadata().find("training");
  auto const state =
      found == file.metadata().end() ? nlohmann::json() : nlohmann::json::parse(found->second, nullptr, false);
  if (!state.is_object()) throw ser_error(one_line(path) + " holds no training that could go on");
  if (state.value("config", "") != config_) {
    throw ser_error(one_line(path) + " is of another configuration; give another --run, or the same options");
  }
  if (state.value("data", std::uint64_t{0}) != digest_) throw ser_error(one_line(path) + " is of other data");
  auto const read = [this, &file](std::string const& prefix, std::span<float> flat) {
    for (auto const& p : model_.table()) {
      std::vector<float> const values = numbers_of<float>(file, prefix + p.name);
      if (static_cast<index_t>(values.size()) != p.size)
        throw ser_error(title(file, prefix + p.name) + " does not fit");
      std::ranges::copy(values, flat.begin() + p.offset);
    }
  };
  read("", model_.values());
  read("optim.m.", first_);
  read("optim.v.", second_);
  read("best.", best_);
  step_ = state.at("step");
  best_quality_ = state.at("best_ua");
  best_epoch_ = state.at("best_epoch");
  loss_sum_ = state.at("loss_sum");
  weight_sum_ = state.at("weight_sum");
  norm_sum_ = state.at("norm_sum");
  for (auto const& e : state.at("epochs")) epochs_.push_back(epoch_of(e));
  for (epoch_result const& e : epochs_) rates_.epoch_ended(e.dev_loss);
  model_.pack();
  return true;
}

}  // namespace ser
