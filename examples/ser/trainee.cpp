// SPDX-License-Identifier: MIT
#include "trainee.hpp"

#include "error.hpp"
#include "image_models.hpp"
#include "stacks.hpp"

namespace ser {
namespace {

/// What they begin with.
template <class T>
void read_layers(tuned_layers const& of, train::parameter_table const& table, std::span<T> values) {
  tshift::weights::state_reader<T> reader("encoder", *of.weights);
  for (train::parameter const& p : table) {
    if (!p.name.starts_with("encoder.")) continue;
    reader.take(p.name, std::span<index_t const>(p.shape)).copy_to(values.data() + p.offset, 0, p.size);
  }
}

template <class T>
chosen_weights recognised(tshift::weights::state_dict const& weights, model_options const& words) {
  model_choice choice = choose_model(weights, words);
  if (!is_of_images(choice.kind)) return {std::move(choice), weights};
  return {choice, trainable<T>(weights, choice.kind, choice.images)};
}

}  // namespace

template <class T>
trainee<T>::trainee(new_model const& from, std::uint64_t seed, augmentation const& how)
    : choice_{from.kind, from.channels, from.shift, {}, from.images}, model_(make_stack<T>(from, table_)) {
  if (from.longest > 0) choice_.positions = from.positions;
  add_masks(from.channels, how);
  train::initialise<T>(table_, seed, values_, [this, &from](train::parameter const& p) {
    if (p.name.starts_with("encoder.")) return train::initial{};
    if (!p.name.ends_with(".offset")) return train::pytorch_initial(table_, p);
    return train::initial::uniform(-from.learned_spread, from.learned_spread);
  });
  if (from.tuned != nullptr) read_layers<T>(*from.tuned, table_, values_);
  pack();
}

template <class T>
trainee<T>::trainee(tshift::weights::state_dict const& all, model_options const& words, augmentation const& how,
                    std::uint64_t seed, index_t channels)
    : trainee(recognised<T>(all, words), how, seed, channels) {}

template <class T>
trainee<T>::trainee(chosen_weights const& from, augmentation const& how, std::uint64_t seed, index_t channels)
    : choice_(from.choice), model_(make_stack<T>(from.weights, choice_, channels, table_)) {
  tshift::weights::state_dict const& weights = from.weights;
  // The vector of masks is the checkpoint's if it is there, and drawn otherwise.
  bool const vector = weights.contains("specaugment.masked_spec_embed");
  std::vector<T> read(static_cast<std::size_t>(table_.size()));
  if (!how.masks || !vector) train::read_values<T>(table_, weights, read);
  add_masks(model_.inputs(), how);
  if (how.masks && vector) {
    train::read_values<T>(table_, weights, values_, "");
  } else {
    train::initialise<T>(table_, seed, values_);
    std::copy(read.begin(), read.end(), values_.begin());
  }
  pack();
}

template <class T>
void trainee<T>::add_masks(index_t channels, augmentation const& how) {
  how_ = how;
  if (how.masks) masks_.emplace(table_, "specaugment", channels, train::spec_augment_options{.scaled = true});
  values_.resize(static_cast<std::size_t>(table_.size()));
  gradients_.resize(values_.size());
}

template <class T>
void trainee<T>::forward(tshift::tensor_view<T const> const& x, std::span<T> y) {
  model_.draw(nullptr);
  saved_.resize(static_cast<std::size_t>(model_.saved_size(x.shape)));
  workspace_.resize(static_cast<std::size_t>(model_.workspace_size(x.shape)));
  model_.forward(exec_, x, tshift::tensor_view<T>(y.data(), {x.shape.batch, 1, classes()}), saved_, workspace_);
}

template <class T>
std::span<T const> trainee<T>::feature(tshift::shape const& x) const {
  if (model_.vit() == nullptr) return {};
  auto const found = model_.vit()->feature(x, std::span<T const>(saved_));
  return {found.data, static_cast<std::size_t>(found.size())};
}

template <class T>
double trainee<T>::add_gradients(tshift::tensor_view<T const> const& x, std::span<index_t const> labels,
                                 train::cross_entropy_options const& options, double divisor, std::span<T> y,
                                 tshift::tensor_view<T> const& dx, train::random_batch const* random) {
  return add_gradients(x, labels, {1, 0, options}, {divisor, 0}, {}, y, dx, random).total;
}

template <class T>
train::transfer_losses trainee<T>::add_gradients(tshift::tensor_view<T const> const& x, std::span<index_t const> labels,
                                                 train::transfer_options const& options,
                                                 train::transfer_divisors const& divisors, std::span<T const> target,
                                                 std::span<T> y, tshift::tensor_view<T> const& dx,
                                                 train::random_batch const* random) {
  bool const learns = options.features > 0;
  train::vertical_vit<T> const* const vit = model_.vit();
  if (learns && vit == nullptr) {
    throw usage_error(std::string("a ") + title_of(choice_.kind, false) +
                      " gives no feature to compare with a teacher's");
  }
  model_.draw(random);
  tshift::tensor_view<T> below = dx;
  auto const read = changed(x, random, below);
  saved_.resize(static_cast<std::size_t>(model_.saved_size(x.shape)));
  workspace_.resize(static_cast<std::size_t>(model_.workspace_size(x.shape)));
  tshift::shape const out{x.shape.batch, 1, classes()}, of_feature{x.shape.batch, 1, learns ? features() : 0};
  dy_.resize(static_cast<std::size_t>(out.size()));
  dfeature_.resize(static_cast<std::size_t>(of_feature.size()));
  tshift::tensor_view<T> const logits(y.data(), out), dlogits(dy_.data(), out), dfeature(dfeature_.data(), of_feature);
  model_.forward(exec_, read, logits, saved_, workspace_);
  if (!learns) {
    auto const losses = train::transfer_loss<T>(logits, labels, {}, {}, options, divisors, dlogits);
    model_.backward(exec_, read, saved_, tshift::tensor_view<T const>(dlogits), below, gradients_, workspace_);
    changed_back(random, below, dx);
    return losses;
  }
  auto const own = vit->feature(x.shape, std::span<T const>(saved_));
  if (static_cast<index_t>(target.size()) != own.size()) {
    tshift::detail::fail("trainee: target has %td elements, must be [%td, %td]", static_cast<index_t>(target.size()),
                         x.shape.batch, features());
  }
  tshift::tensor_view<T const> const aim(target.data(), of_feature);
  auto const losses = train::transfer_loss<T>(logits, labels, own, aim, options, divisors, dlogits, dfeature);
  tshift::tensor_view<T const> above;  // logits without a loss have no gradient
  if (options.classes > 0) above = dlogits;
  vit->backward_both(exec_, read, std::span<T const>(saved_), tshift::tensor_view<T const>(dfeature), above, below,
                     std::span<T>(gradients_), std::span<T>(workspace_));
  changed_back(random, below, dx);
  return losses;
}

template <class T>
tshift::tensor_view<T const> trainee<T>::changed(tshift::tensor_view<T const> const& x,
                                                 train::random_batch const* random, tshift::tensor_view<T>& below) {
  bool const drops = random != nullptr && how_.dropout > 0, masks = random != nullptr && masks_;
  if (!drops && !masks) return x;
  masked_.resize(static_cast<std::size_t>(x.shape.size()));
  tshift::tensor_view<T> const made(masked_.data(), x.shape, tshift::layout::ntc, x.lengths);
  tshift::tensor_view<T const> read = x;
  if (drops) {
    train::dropout<T>(exec_, how_.dropout, *random, 0, read, made);
    read = made;
  }
  if (masks) {
    masks_->forward(exec_, *random, values_, read, made);
    // The gradient behind them is needed, for their vector.
    dmasked_.resize(static_cast<std::size_t>(x.shape.size()));
    below = {dmasked_.data(), x.shape, tshift::layout::ntc, x.lengths};
  }
  return made;
}

template <class T>
void trainee<T>::changed_back(train::random_batch const* random, tshift::tensor_view<T> const& below,
                              tshift::tensor_view<T> const& dx) {
  if (random == nullptr) return;
  if (masks_) masks_->backward(exec_, *random, tshift::tensor_view<T const>(below), dx, gradients_);
  if (how_.dropout > 0 && dx.data != nullptr) {
    train::dropout<T>(exec_, how_.dropout, *random, 0, tshift::tensor_view<T const>(dx), dx);
  }
}

template class trainee<float>;
template class trainee<double>;

}  // namespace ser
