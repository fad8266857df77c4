// SPDX-License-Identifier: MIT
// The values that a training begins with: by a rule for each parameter, from a seed.
#pragma once

#include <tshift/macros/away.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <tshift/train/kernel/flat.hpp>
#include <tshift/train/parameter_table.hpp>
#include <tshift/train/random.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace train {

/// How the elements of a parameter are drawn.
struct initial {
  /// The distribution.
  enum class kind {
    keep,              ///< nothing is written: they come from a checkpoint
    constant,          ///< all are `low`
    uniform,           ///< in [low, high], high by rounding to T alone
    normal,            ///< mean 0, deviation `deviation`
    truncated_normal,  ///< the same, drawn again until it lies in [low, high]
  };

  kind how = kind::keep;  ///< which of them
  double low = 0;         ///< see kind
  double high = 0;        ///< see kind
  double deviation = 0;   ///< see kind

  /// All the same.
  static initial constant(double value) noexcept { return {kind::constant, value, value, 0}; }
  /// In [low, high).
  static initial uniform(double low, double high) noexcept { return {kind::uniform, low, high, 0}; }
  /// In [-1/sqrt(n), 1/sqrt(n)): of Linear and of convolutions with the n that each output reads, which is what
  /// Kaiming's rule with a = sqrt(5) comes to, and of their biases; of an LSTM with its hidden size. n < 1 counts as 1.
  static initial one_over_root(index_t n) noexcept {
    double const bound = 1 / std::sqrt(static_cast<double>(n > 1 ? n : 1));
    return uniform(-bound, bound);
  }
  /// Mean 0.
  static initial normal(double deviation = 1) noexcept { return {kind::normal, 0, 0, deviation}; }
  /// Mean 0; cut at -2 and 2, not at two deviations, which is what PyTorch's trunc_normal_ and timm's do: at the usual
  /// 0.02 nothing is cut.
  static initial truncated_normal(double deviation = 0.02, double cut = 2) noexcept {
    return {kind::truncated_normal, -cut, cut, deviation};
  }
};

/// Elements that one output reads: all sizes but the first.
inline index_t fan_in(parameter const& p) noexcept {
  index_t product = 1;
  for (std::size_t i = 1; i < p.shape.size(); ++i) product *= p.shape[i];
  return product;
}

/// PyTorch's own initial values, told by names and shapes:
///
///   ...embedding.weight, ...embeddings.weight                  N(0, 1)                     torch.nn.Embedding
///   cls_token                                                  N(0, 1)                     vertical-patch ViT
///   ...vector                                                  one_over_root(its size)     a CRNN's attention
///   ...masked_spec_embed                                       U(0, 1)                     ShiftSER
///   ...weight_ih..., weight_hh..., bias_ih..., bias_hh...      one_over_root(size[0] / 4)  torch.nn.LSTM
///   ...weight with one dimension                               1                           torch.nn.LayerNorm
///   ...weight                                                  one_over_root(fan_in)       Linear, Conv1d
///   ...bias whose weight has more than one dimension           one_over_root(fan_in of that)
///   anything else                                              0
///
/// So the bias of a norm is 0, and one without a weight of its name.
inline initial pytorch_initial(parameter_table const& table, parameter const& p) {
  std::string_view const name = p.name;
  std::size_t const dot = name.rfind('.');
  std::string_view const last = dot == std::string_view::npos ? name : name.substr(dot + 1);
  auto const begins = [last](std::string_view with) { return last.starts_with(with); };
  if (begins("weight_ih") || begins("weight_hh") || begins("bias_ih") || begins("bias_hh")) {
    return initial::one_over_root(p.shape.empty() ? 1 : p.shape[0] / 4);
  }
  if (last == "masked_spec_embed") return initial::uniform(0, 1);
  if (last == "cls_token") return initial::normal();
  if (last == "vector") return initial::one_over_root(p.size);
  if (last == "weight") {
    if (name.ends_with("embedding.weight") || name.ends_with("embeddings.weight")) return initial::normal();
    return p.shape.size() > 1 ? initial::one_over_root(fan_in(p)) : initial::constant(1);
  }
  if (last != "bias") return initial::constant(0);
  std::string const weight = std::string(name.substr(0, name.size() - last.size())) + "weight";
  parameter const* const of = table.find(weight);
  return of != nullptr && of->shape.size() > 1 ? initial::one_over_root(fan_in(*of)) : initial::constant(0);
}

/// Writes the first values of every parameter, whether it trains or not.
///
/// They depend on the seed, on the parameter's name and on its number of elements, not on what else is in the table.
/// The same on all machines: see random_stream.
/// @param rule  rule(parameter) gives an `initial`
/// @throws shape_error  values are too few, or a rule has numbers that no distribution has; before the first write
template <class T, class Rule>
void initialise(parameter_table const& table, std::uint64_t seed, std::span<T> values, Rule const& rule) {
  (void)kernel::check_flat("initialise", "values", values, table.size());
  for (parameter const& each : table) {
    initial const of = rule(each);
    bool const sound = std::isfinite(of.low) && std::isfinite(of.high) && of.low <= of.high &&
                       std::isfinite(of.deviation) && of.deviation >= 0;
    // A range that holds nothing within eight deviations of 0 would be drawn for ever.
    bool const reached = of.how != initial::kind::truncated_normal ||
                         (of.low <= 0 && of.high >= 0 && (of.deviation == 0 || of.high - of.low >= of.deviation / 64));
    if (!sound || !reached) {
      detail::fail("initialise: %s is drawn in [%g, %g] with deviation %g, must be finite, in order, and around 0",
                   detail::shown_name(each.name).c_str(), of.low, of.high, of.deviation);
    }
  }
  for (parameter const& each : table) {
    initial const of = rule(each);
    std::uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
    for (char const c : each.name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    random_stream random(seed ^ hash, purposes::initial_values);
    T* const to = values.data() + each.offset;
    auto const fill = [to, &each](auto const& draw) {
      for (index_t i = 0; i < each.size; ++i) to[i] = static_cast<T>(draw());
    };
    switch (of.how) {
      case initial::kind::keep: break;
      case initial::kind::constant: fill([&of] { return of.low; }); break;
      case initial::kind::uniform: {
        double const width = of.high - of.low;
        // One rounding, whether the compiler would have fused the two or not.
        fill([&of, &random, width] { return std::fma(width, random.uniform(), of.low); });
        break;
      }
      case initial::kind::normal: fill([&of, &random] { return of.deviation * random.normal(); }); break;
      case initial::kind::truncated_normal:
        fill([&of, &random] {
          for (;;) {
            double const drawn = of.deviation * random.normal();
            if (drawn >= of.low && drawn <= of.high) return drawn;
          }
        });
        break;
    }
  }
}

/// The same by pytorch_initial.
template <class T>
void initialise(parameter_table const& table, std::uint64_t seed, std::span<T> values) {
  initialise(table, seed, values, [&table](parameter const& each) { return pytorch_initial(table, each); });
}

}}}}  // namespace tshift::train

#include <tshift/macros/back.hpp>
