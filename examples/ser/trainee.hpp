// SPDX-License-Identifier: MIT
// A model that is trained: its parameters, and the memory of a step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <tshift/train/checkpoint.hpp>
#include <tshift/train/dropout.hpp>
#include <tshift/train/initialise.hpp>
#include <tshift/train/loss.hpp>
#include <tshift/train/spec_augment.hpp>
#include <tshift/train/transfer.hpp>
#include <tshift/weights/speech_encoder_names.hpp>
#include <tshift/weights/speech_encoder_options.hpp>
#include <utility>
#include <vector>

#include "network.hpp"
#include "stack.hpp"
#include "workers.hpp"

namespace ser {

/// The upper layers of an encoder, which are trained with what stands behind them.
struct tuned_layers {
  tshift::weights::state_dict const* weights = nullptr;  ///< with transformers' names
  tshift::weights::speech_encoder_sizes sizes;
  tshift::speech_encoder_options options;
  index_t first = 0;   ///< of them; all after it as well
  double rate = 0.1;   ///< factor of the learning rate
  double dropout = 0;  ///< inside them while training
};

/// A model that begins with random values.
struct new_model {
  architecture kind = architecture::shiftformer;
  index_t channels = 0, classes = 0, hidden = 0, blocks = 2, taps = 7, heads = 4;
  tshift::model_shift shift;
  tshift::frame_positions positions = tshift::frame_positions::absolute;  ///< of a Transformer or Shiftformer
  index_t longest = 0;        ///< frames that positions serve; 0: there are none
  bool one_way = false;       ///< an LSTM runs forwards alone
  bool project = false;       ///< a linear layer in front, projector.*
  bool learned = false;       ///< a learned shift in front of each block, shift.N.offset, in place of `shift`
  double learned_spread = 0;  ///< its offsets begin in [-spread, spread]
  index_t head = 0;           ///< in place of `kind`: mean over time and two linear layers, so many channels between
  index_t states = 0;         ///< x is so many states side by side, their sum is learned; 0: it is one
  tuned_layers const* tuned = nullptr;  ///< layers in front of all

  // Of a CRNN or a vertical-patch ViT, which has `channels`, `classes`, `shift` and these alone.
  image_words images = {};             ///< what is no tensor, as options are written
  train::crnn_sizes crnn = {};         ///< but for bands, C of them beside each other in a frame, and classes
  train::vertical_vit_sizes vit = {};  ///< but for rows and classes; with a stem it is a teacher
};

/// Which model a file holds, and its tensors as training has them.
struct chosen_weights {
  model_choice choice;
  tshift::weights::state_dict weights;
};

/// What is changed at random while training, and not afterwards.
struct augmentation {
  double dropout = 0;  ///< of the features
  bool masks = false;  ///< SpecAugment, scaled to small features
};

template <class T>
class trainee {
 public:
  /// Values from a seed, by PyTorch's rules.
  /// @throws usage_error, shape_error
  trainee(new_model const& from, std::uint64_t seed, augmentation const& how = {});
  /// Takes sizes and values from a checkpoint.
  /// @param channels  of x, for a model of images that can read several numbers of them; 0: its fewest
  /// @throws usage_error, ser_error, shape_error
  trainee(tshift::weights::state_dict const& weights, model_options const& words, augmentation const& how = {},
          std::uint64_t seed = 0, index_t channels = 0);
  trainee(trainee const&) = delete;
  trainee& operator=(trainee const&) = delete;
  ~trainee() = default;

  train::parameter_table& table() noexcept { return table_; }
  train::parameter_table const& table() const noexcept { return table_; }
  std::span<T> values() noexcept { return values_; }
  std::span<T> gradients() noexcept { return gradients_; }
  index_t channels() const { return model_.inputs(); }
  index_t classes() const { return model_.outputs(); }
  /// Of the feature that the logits are made of; 0: the model gives none.
  index_t features() const { return model_.vit() != nullptr ? model_.vit()->features() : 0; }
  /// Leaves the layer behind the feature as it is: where logits have no loss it has no gradient, and no decay either.
  void keep_classifier() { table_.set_trains("mlp_head.", false); }
  /// Frames that a sequence must have.
  index_t shortest() const noexcept { return model_.shortest(); }
  /// What was recognised.
  model_choice const& choice() const noexcept { return choice_; }

  /// How many threads compute; one at first. No bit depends on it.
  void set_threads(index_t threads) { exec_ = workers(threads); }
  workers& exec() noexcept { return exec_; }

  /// Takes the values as they are now.
  void pack() { model_.pack(std::span<T const>(values_)); }

  /// Logits of a batch, those of inference.
  void forward(tshift::tensor_view<T const> const& x, std::span<T> y);
  /// [N, features()] of the last batch, whose shape is given: of forward, or of add_gradients.
  std::span<T const> feature(tshift::shape const& x) const;
  /// Elements that a batch of this shape keeps between the passes.
  index_t saved_size(tshift::shape const& x) const { return model_.saved_size(x); }

  /// Adds the gradients of a batch to gradients().
  /// @param x        [N, T, D], with lengths
  /// @param y        logits [N, classes], written
  /// @param divisor  of the loss: that of the whole batch
  /// @param dx       gradient of x, written; empty: not wanted
  /// @param random   for the augmentation; null: none of it
  /// @return the loss
  double add_gradients(tshift::tensor_view<T const> const& x, std::span<index_t const> labels,
                       train::cross_entropy_options const& options, double divisor, std::span<T> y,
                       tshift::tensor_view<T> const& dx, train::random_batch const* random = nullptr);

  /// The same of a student's loss: its classes', its feature's distance from a teacher's, or both.
  /// @param divisors  those of the whole batch
  /// @param target    [N, features()] of the teacher; not read where the distance has the factor 0
  /// @throws usage_error  a distance is asked for, and the model gives no feature
  train::transfer_losses add_gradients(tshift::tensor_view<T const> const& x, std::span<index_t const> labels,
                                       train::transfer_options const& options, train::transfer_divisors const& divisors,
                                       std::span<T const> target, std::span<T> y, tshift::tensor_view<T> const& dx,
                                       train::random_batch const* random = nullptr);

 private:
  trainee(chosen_weights const& from, augmentation const& how, std::uint64_t seed, index_t channels);
  /// What the model reads of x: as it is, or changed at random. The gradient behind a change goes where `below` says.
  tshift::tensor_view<T const> changed(tshift::tensor_view<T const> const& x, train::random_batch const* random,
                                       tshift::tensor_view<T>& below);
  void changed_back(train::random_batch const* random, tshift::tensor_view<T> const& below,
                    tshift::tensor_view<T> const& dx);
  void add_masks(index_t channels, augmentation const& how);

  model_choice choice_;
  train::parameter_table table_;
  stack<T> model_;
  augmentation how_;
  workers exec_;
  std::optional<train::spec_augment<T>> masks_;
  std::vector<T> values_, gradients_;
  std::vector<T> dy_, dfeature_, saved_, workspace_, masked_, dmasked_;  // kept from batch to batch
};

// Each has all models with all their passes: compiled once, in trainee.cpp.
extern template class trainee<float>;
extern template class trainee<double>;

}  // namespace ser
