// SPDX-License-Identifier: MIT
// A vertical-patch ViT whose feature a student learns, and what the command line says about it.
#pragma once

#include <CLI/CLI.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tshift/models/vertical_vit.hpp>
#include <tshift/weights/state_dict.hpp>
#include <vector>

#include "model_options.hpp"
#include "trainee.hpp"

namespace ser {

/// Runs without gradients, as inference does.
template <class T>
class teacher {
 public:
  /// @param words  what no tensor says
  /// @throws ser_error    the tensors are not those of a vertical-patch ViT
  /// @throws usage_error, shape_error
  teacher(tshift::weights::state_dict const& weights, model_options const& words);
  teacher(teacher const&) = delete;
  teacher& operator=(teacher const&) = delete;
  ~teacher() = default;

  /// Refuses a student that cannot learn from it. @throws ser_error
  void check(trainee<T> const& student) const;

  void set_threads(index_t threads) { exec_ = workers(threads); }
  index_t features() const noexcept { return model_.features(); }
  /// Its features of a batch, [N, features()]; they stay until the next. @throws shape_error  no such images
  std::span<T const> features_of(tshift::tensor_view<T const> const& x);

 private:
  std::string name_;
  tshift::models::vertical_vit<T> model_;
  workers exec_;
  std::vector<T> features_, y_, workspace_;  // kept from batch to batch
};

extern template class teacher<float>;
extern template class teacher<double>;

/// How much of each loss counts, and whose features are learned.
struct transfer_plan {
  teacher<float>* from = nullptr;  ///< null where features count nothing
  double classes = 1, features = 0;
};

/// Path of a checkpoint: that of a fold where `path` is the folder of a training, else itself.
std::string checkpoint_of(std::string const& path, std::string const& fold);

/// `--teacher W --stage STAGE --alpha A`.
class transfer_words {
 public:
  void add_to(CLI::App& app);

  bool given() const noexcept { return !path_.empty(); }
  std::string const& path() const noexcept { return path_; }
  /// Whether the classes are not learned.
  bool features_alone() const noexcept { return stage_ == "features"; }
  /// Refuses what would change nothing. @throws usage_error
  void check() const;
  /// Factors of both losses; without a teacher, those of classes alone.
  transfer_plan plan() const;
  /// The teacher of a fold, or of all. @throws ser_error, usage_error, file_error, shape_error
  template <class T>
  std::unique_ptr<teacher<T>> open(std::string const& fold = "") const;
  /// Tells it from another one.
  std::uint64_t digest(std::string const& fold, std::uint64_t before) const;

 private:
  std::string path_, said_, stage_;
  std::optional<double> alpha_;
};

}  // namespace ser
