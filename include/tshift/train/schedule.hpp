// SPDX-License-Identifier: MIT
// Learning rates over time: values that say the rate of a step or an epoch, counted from 0. Those that watch a metric
// have a state of plain numbers, to be saved with the training.
#pragma once

#include <tshift/macros/away.hpp>

#include <cmath>
#include <cstddef>
#include <limits>

#include <tshift/error.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train { namespace schedules {

/// The same rate always.
struct constant {
  double peak = 1e-3;  ///< the rate

  /// Of any step.
  double rate(index_t) const noexcept { return peak; }
};

/// A linear warm-up that meets the peak, then half a cosine down to the floor:
///
///   s < W:   peak (s + 1) / (W + 1)
///   s >= W:  floor + (peak - floor) / 2 (1 + cos(pi (s - W) / (steps - W)))      from `steps` on: floor
///
/// No step has rate 0, and step W, the first after the warm-up, has the peak.
struct cosine {
  double peak = 5e-4;   ///< rate of step `warm_up`
  double floor = 5e-6;  ///< rate past the end
  index_t steps = 1;    ///< of the whole training
  index_t warm_up = 0;  ///< W, of them; a twentieth is usual

  /// Of step s.
  double rate(index_t s) const noexcept {
    if (s < warm_up) return peak * static_cast<double>(s + 1) / static_cast<double>(warm_up + 1);
    if (s >= steps) return floor;
    double const done = static_cast<double>(s - warm_up) / static_cast<double>(steps - warm_up);
    return floor + (peak - floor) / 2 * (1 + std::cos(3.14159265358979323846 * done));
  }
};

/// ShiftSER's schedule on frozen features, as released: timm's cosine with all that follows from how it is called.
///
///   u = max(s - 1, 0)                     the schedule is advanced after the optimiser, so every step is one late
///   u < W:   start + (peak - start) u / W
///   u >= W:  floor + (peak - floor) / 2 (1 + cos(pi u / steps))     counted from 0, not from the end of the warm-up
///
/// Steps 0 and 1 both have the start. Of 100 epochs with a warm-up of 5 the largest rate is 4.99e-4, that of the last
/// step of the warm-up; the cosine begins at 4.97e-4, and 5e-4 is never reached.
/// Source: ShiftSER's config, main and lr_scheduler; timm.scheduler.CosineLRScheduler with t_in_epochs=False.
struct as_released {
  index_t steps = 1;    ///< epochs times batches of an epoch
  index_t warm_up = 0;  ///< W: 5 times the batches of an epoch
  double peak = 5e-4;   ///< never reached
  double start = 5e-7;  ///< of the warm-up
  double floor = 5e-6;  ///< of the cosine

  /// Of step s.
  double rate(index_t s) const noexcept {
    index_t const u = s > 0 ? s - 1 : 0;
    if (u < warm_up) return start + static_cast<double>(u) * ((peak - start) / static_cast<double>(warm_up));
    if (u >= steps) return floor;
    double const done = static_cast<double>(u) / static_cast<double>(steps);
    return floor + (peak - floor) / 2 * (1 + std::cos(3.14159265358979323846 * done));
  }
};

/// ShiftSER's schedule of fine-tuning, as released: advanced once an epoch, though its lengths are in batches.
///
///   e < W: peak e / W    e < 2 W: peak    else peak max(0, (steps - e) / (steps - 2 W))
///
/// So epoch 0 has rate 0, and with 139 batches an epoch the rate of epoch 99 is 7.1e-5: the warm-up never ends.
/// Source: ShiftSER's lr_scheduler; torch.optim.lr_scheduler.LambdaLR.
struct as_released_fine_tuning {
  index_t steps = 1;    ///< epochs times batches of an epoch
  index_t warm_up = 0;  ///< W: 5 times the batches of an epoch
  double peak = 5e-4;   ///< reached in epoch W, if there is one

  /// Of epoch e.
  double rate(index_t e) const noexcept {
    auto const at_least_1 = [](index_t n) { return static_cast<double>(n > 1 ? n : 1); };
    if (e < warm_up) return peak * (static_cast<double>(e) / at_least_1(warm_up));
    if (e < 2 * warm_up) return peak;
    double const left = static_cast<double>(steps - e) / at_least_1(steps - 2 * warm_up);
    return left > 0 ? peak * left : 0;
  }
};

/// Of plateau. The defaults are PyTorch's.
struct plateau_options {
  bool higher_is_better = false;  ///< of the metric; PyTorch's mode "max"
  double factor = 0.1;            ///< in [0, 1), of the rate where the metric does not get better
  index_t patience = 10;          ///< epochs without progress that are forgiven
  double threshold = 1e-4;        ///< what counts as progress
  bool relative = true;           ///< whether the threshold is a share of the best; PyTorch's threshold_mode "rel"
  index_t cooldown = 0;           ///< epochs after a reduction in which nothing is counted
  double floor = 0;               ///< the least rate
  double eps = 1e-8;              ///< smaller reductions are not made
};

/// Reduces the rate where a metric has stopped getting better. Source: torch.optim.lr_scheduler.ReduceLROnPlateau.
class plateau {
 public:
  /// What has to be saved.
  struct state {
    double rate = 0;         ///< of the next epoch
    double best = 0;         ///< of the metric so far
    index_t bad_epochs = 0;  ///< without progress
    index_t cooldown = 0;    ///< epochs that are left of it
  };

  /// @throws shape_error  a rate that is negative or not finite, a factor outside [0, 1)
  explicit plateau(double rate, plateau_options const& options = {}) : options_(options) {
    if (!(rate >= 0) || !std::isfinite(rate)) detail::fail("plateau: rate = %g, must be >= 0 and finite", rate);
    if (!(options.factor >= 0 && options.factor < 1)) {
      detail::fail("plateau: factor = %g, must be in [0, 1)", options.factor);
    }
    double const infinity = std::numeric_limits<double>::infinity();
    state_ = {rate, options.higher_is_better ? -infinity : infinity, 0, 0};
  }

  /// Of the next epoch.
  double rate() const noexcept { return state_.rate; }

  /// Takes the metric of an epoch. NaN is no progress.
  void step(double metric) noexcept {
    if (better(metric)) {
      state_.best = metric;
      state_.bad_epochs = 0;
    } else {
      ++state_.bad_epochs;
    }
    if (state_.cooldown > 0) {
      --state_.cooldown;
      state_.bad_epochs = 0;
    }
    if (state_.bad_epochs <= options_.patience) return;
    double const reduced = state_.rate * options_.factor;
    double const next = reduced > options_.floor ? reduced : options_.floor;
    if (state_.rate - next > options_.eps) state_.rate = next;
    state_.cooldown = options_.cooldown;
    state_.bad_epochs = 0;
  }

  /// To be saved.
  state const& saved() const noexcept { return state_; }
  /// Goes on where another left off.
  void restore(state const& saved) noexcept { state_ = saved; }

 private:
  bool better(double metric) const noexcept {
    double const best = state_.best, by = options_.threshold;
    if (options_.higher_is_better) return metric > (options_.relative ? best * (by + 1) : best + by);
    return metric < (options_.relative ? best * (1 - by) : best - by);
  }

  plateau_options options_;
  state state_;
};

/// Reduces the rate after each epoch whose loss is not a share `threshold` below that of the epoch before.
/// Source: speechbrain.nnet.schedulers.NewBobScheduler, whose defaults these are; its recipe for emotions has factor
/// 0.9.
class new_bob {
 public:
  /// What has to be saved.
  struct state {
    double rate = 0;       ///< of the next epoch
    double last = 0;       ///< loss of the last epoch
    index_t epochs = 0;    ///< so far
    index_t patience = 0;  ///< epochs without progress that are still forgiven
  };

  /// @throws shape_error  a rate or factor that is negative or not finite
  explicit new_bob(double rate, double factor = 0.5, double threshold = 0.0025, index_t patience = 0)
      : factor_(factor), threshold_(threshold), patience_(patience), state_{rate, 0, 0, patience} {
    if (!(rate >= 0) || !std::isfinite(rate)) detail::fail("new_bob: rate = %g, must be >= 0 and finite", rate);
    if (!(factor >= 0) || !std::isfinite(factor)) detail::fail("new_bob: factor = %g, must be >= 0 and finite", factor);
  }

  /// Of the next epoch.
  double rate() const noexcept { return state_.rate; }

  /// Takes the loss of an epoch.
  void step(double loss) noexcept {
    double const progress = state_.last == 0 ? 0 : (state_.last - loss) / state_.last;
    if (state_.epochs > 0 && progress < threshold_) {
      if (state_.patience == 0) {
        state_.rate *= factor_;
        state_.patience = patience_;
      } else {
        --state_.patience;
      }
    }
    state_.last = loss;
    ++state_.epochs;
  }

  /// To be saved.
  state const& saved() const noexcept { return state_; }
  /// Goes on where another left off.
  void restore(state const& saved) noexcept { state_ = saved; }

 private:
  double factor_, threshold_;
  index_t patience_;
  state state_;
};

}  // namespace schedules

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
