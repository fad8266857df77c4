// SPDX-License-Identifier: MIT
// gelu: a dense sweep of all floats, the special ones, double against long double; through a shift, and in place. The
// same of relu, leaky_relu and elu.
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <tshift/nn/activations.hpp>

#include "../support/catch.hpp"
#include "../support/nn_cases.hpp"

namespace {

using namespace test_support;

template <class T>
std::vector<T> gelu_of(std::vector<T> const& x) {
  std::vector<T> y(x.size());
  tshift::shape const dims = {1, 1, static_cast<index_t>(x.size())};
  tshift::nn::gelu<T>(tensor_view<T const>(x.data(), dims), tensor_view<T>(y.data(), dims));
  return y;
}

/// The worst |gelu(x) - x Phi(x)| / |x|, which the docstring limits. Below, denormals are given half their step.
template <class T>
double worst_of(std::vector<T> const& x) {
  auto const y = gelu_of(x);
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    auto const exact = reference::gelu(static_cast<oracle::real>(x[i]));
    auto const step = static_cast<oracle::real>(std::numeric_limits<T>::denorm_min());
    oracle::real const off = std::fabs(static_cast<oracle::real>(y[i]) - exact) - step;
    if (off <= 0) continue;
    worst = std::max(worst, static_cast<double>(off / std::fabs(static_cast<oracle::real>(x[i]))));
  }
  return worst;
}

template <class T>
void check_special() {
  using limits = std::numeric_limits<T>;
  T const inf = limits::infinity();
  auto const y = gelu_of<T>({T(0), -T(0), inf, -inf, limits::quiet_NaN(), limits::max(), -limits::max(),
                             limits::denorm_min(), limits::min(), T(1e10), T(-1e10)});
  CHECK(same_bits(y[0], T(0)));
  CHECK(same_bits(y[1], -T(0)));
  CHECK(y[2] == inf);
  CHECK(std::isnan(y[3]));  // -inf * 0, as in PyTorch
  CHECK(std::isnan(y[4]));
  CHECK(y[5] == limits::max());
  CHECK(y[6] == 0);
  CHECK(std::fabs(y[7]) <= limits::denorm_min());
  CHECK(std::fabs(y[8] - limits::min() / 2) <= limits::denorm_min());
  CHECK(y[9] == T(1e10));
  CHECK(y[10] == 0);
}

template <class T>
void check_sizes() {
  random_bits random(331);
  summary sum;
  auto const check = [&](tshift::shape const& dims) {
    check_case<T>(
        sum, random, dims, dims.channels, rows::alone, 1.7,  // 2e-7 |x| in float
        [](auto const& x, auto const& y) { tshift::nn::gelu<T>(x, y); },
        [](auto const& x, auto const& y) { reference::gelu(x, y); });
  };
  for (index_t const time : {0, 1, 2, 7, 8, 9, 95, 96, 97, 200}) check({random.in(0, 3), time, random.in(0, 70)});
  for (index_t channels = 0; channels <= 70; ++channels) check({random.in(1, 3), 3, channels});
  sum.print("gelu", type_name<T>());
  REQUIRE_ALL(sum, 81);
}

using tshift::activation;

template <class T>
std::vector<T> activated(activation const& f, std::vector<T> const& x) {
  std::vector<T> y(x.size());
  tshift::shape const dims = {1, 1, static_cast<index_t>(x.size())};
  tshift::nn::activate<T>(f, tensor_view<T const>(x.data(), dims), tensor_view<T>(y.data(), dims));
  return y;
}

/// What a function is, in long double.
oracle::real exact(activation const& f, oracle::real x) {
  auto const factor = static_cast<oracle::real>(f.factor);
  switch (f.which) {
    case activation::kind::none: return x;
    case activation::kind::relu: return x > 0 ? x : 0;
    case activation::kind::leaky_relu: return x > 0 ? x : factor * x;
    case activation::kind::elu: return x > 0 ? x : factor * std::expm1(x);
    case activation::kind::gelu: return reference::gelu(x);
  }
  return 0;
}

/// The worst error, relative to |x| times the factor where that counts. Below, denormals are given their step.
template <class T>
double worst_activated(activation const& f, std::vector<T> const& x) {
  auto const y = activated(f, x);
  auto const by = static_cast<oracle::real>(std::max(1.0, std::fabs(f.factor)));
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    auto const value = static_cast<oracle::real>(x[i]);
    auto const step = static_cast<oracle::real>(std::numeric_limits<T>::denorm_min());
    oracle::real const off = std::fabs(static_cast<oracle::real>(y[i]) - exact(f, value)) - step;
    if (off <= 0) continue;
    worst = std::max(worst, static_cast<double>(off / std::fabs(value) / by));
  }
  return worst;
}

template <class T>
void check_bent() {
  std::vector<T> x;
  for (int i = -400000; i <= 400000; ++i) x.push_back(static_cast<T>(i) * static_cast<T>(0x1.01p-13));
  for (int e = std::numeric_limits<T>::min_exponent - 10; e < std::numeric_limits<T>::max_exponent; ++e) {
    for (double const size : {1.0, -1.0, 1.37, -1.37, 1.9}) x.push_back(static_cast<T>(std::ldexp(size, e)));
  }
  double const elu = std::max(worst_activated<T>(activation::elu(), x), worst_activated<T>(activation::elu(0.3), x));
  std::cout << "elu, " << type_name<T>() << ": " << x.size() << " numbers, worst error " << elu << " |x|\n";
  CHECK(elu <= (sizeof(T) == sizeof(float) ? 2e-7 : 4e-16));
  CHECK(worst_activated<T>(activation::relu(), x) == 0);
  CHECK(worst_activated<T>(activation::leaky_relu(0.25), x) == 0);
  // The slope is rounded to T first.
  CHECK(worst_activated<T>(activation::leaky_relu(), x) <= 2 * std::numeric_limits<T>::epsilon());
  CHECK(activated<T>({}, x) == x);
}

template <class T>
void check_bent_special() {
  using limits = std::numeric_limits<T>;
  std::vector<T> const x = {T(0),          -T(0),         limits::infinity(), -limits::infinity(), limits::quiet_NaN(),
                            limits::max(), -limits::max()};
  auto const relu = activated<T>(activation::relu(), x), leaky = activated<T>(activation::leaky_relu(0.5), x);
  auto const elu = activated<T>(activation::elu(2), x);
  for (auto const& y : {relu, leaky, elu}) {
    CHECK(y[0] == 0);
    CHECK(y[1] == 0);
    CHECK(y[2] == limits::infinity());
    CHECK(std::isnan(y[4]));
    CHECK(y[5] == limits::max());
  }
  CHECK((relu[3] == 0 && relu[6] == 0));
  CHECK((leaky[3] == -limits::infinity() && leaky[6] == -limits::max() / 2));
  CHECK((elu[3] == -2 && elu[6] == -2));
}

template <class T>
void check_bent_sizes() {
  random_bits random(333);
  summary sum;
  auto const check = [&](tshift::shape const& dims, activation const& f) {
    check_case<T>(
        sum, random, dims, dims.channels, rows::alone, 4,
        [&](auto const& x, auto const& y) { tshift::nn::activate<T>(f, x, y); },
        [&](auto const& x, auto const& y) {
          tshift::reference::for_each_element(y.shape, [&](index_t n, index_t t, index_t c, index_t) {
            auto const value = x(n, t, c).value;
            y(n, t, c) = oracle::number(exact(f, value), std::fabs(value));
          });
        });
  };
  for (activation const f : {activation::relu(), activation::leaky_relu(), activation::elu(), activation::gelu()}) {
    for (index_t const time : {0, 1, 9, 96}) check({random.in(0, 3), time, random.in(0, 70)}, f);
    for (index_t channels = 0; channels <= 40; ++channels) check({random.in(1, 3), 3, channels}, f);
  }
  sum.print("activate", type_name<T>());
  REQUIRE_ALL(sum, 180);
}

}  // namespace

TEST_CASE("gelu: every 2039th float, within 2e-7 |x|", "[nn][gelu]") {
  std::vector<float> x;
  for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += 2039) {
    auto const value = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    if (std::isfinite(value)) x.push_back(value);
  }
  REQUIRE(x.size() >= (std::size_t{1} << 20));
  double const worst = worst_of(x);
  std::cout << "gelu, float: " << x.size() << " of all floats, worst error " << worst << " |x|\n";
  CHECK(worst <= 2e-7);
}

TEST_CASE("gelu: where it bends, within 2e-7 |x|, in double within 4e-16 |x|", "[nn][gelu]") {
  std::vector<float> x;
  std::vector<double> wide;
  for (int i = -400000; i <= 400000; ++i) x.push_back(static_cast<float>(i) * 0x1p-16f);
  for (int i = -200000; i <= 200000; ++i) wide.push_back(i * 0x1.01p-13);
  for (int e = -1070; e < 1020; ++e) wide.push_back(std::ldexp(e % 2 == 0 ? 1.37 : -1.37, e));
  double const worst = worst_of(x), worst_wide = worst_of(wide);
  std::cout << "gelu: " << x.size() << " floats in (-6.2, 6.2), worst error " << worst << " |x|; " << wide.size()
            << " doubles, worst error " << worst_wide << " |x|\n";
  CHECK(worst <= 2e-7);
  CHECK(worst_wide <= 4e-16);
}

TEST_CASE("gelu: zeros, infinities, NaN and the ends of the range", "[nn][gelu]") {
  check_special<float>();
  check_special<double>();
}

TEST_CASE("gelu: against the oracle, a shift in memory and single rows", "[nn][gelu]") {
  check_sizes<float>();
  check_sizes<double>();
}

TEST_CASE("gelu: in place gives the bits of another place", "[nn][gelu]") {
  random_bits random(332);
  auto const x = uniform<float>(3 * 7 * 29, random, 4);
  auto y = x;
  tensor_view<float> const view(y.data(), {3, 7, 29});
  tshift::nn::gelu<float>(view, view);
  CHECK(y == gelu_of(x));
}

TEST_CASE("gelu refuses what does not fit", "[nn][gelu][errors]") {
  check_refusals<float>("gelu", 3, 3, true, [](auto const& x, auto const& y) { tshift::nn::gelu<float>(x, y); });
  check_refusals<double>("gelu", 3, 3, true, [](auto const& x, auto const& y) { tshift::nn::gelu<double>(x, y); });
}

TEST_CASE("relu, leaky_relu, elu: small, large and denormal numbers", "[nn][activations]") {
  check_bent<float>();
  check_bent<double>();
}

TEST_CASE("relu, leaky_relu, elu: zeros, infinities, NaN and the ends of the range", "[nn][activations]") {
  check_bent_special<float>();
  check_bent_special<double>();
}

TEST_CASE("activate: against the oracle, a shift in memory and single rows", "[nn][activations]") {
  check_bent_sizes<float>();
  check_bent_sizes<double>();
}

TEST_CASE("relu, leaky_relu, elu by name, and in place", "[nn][activations]") {
  random_bits random(334);
  auto const x = uniform<float>(3 * 7 * 29, random, 4);
  auto const check = [&x](activation const& f, auto const& call) {
    auto y = x;
    tensor_view<float> const view(y.data(), {3, 7, 29});
    call(view);
    CHECK(y == activated(f, x));
  };
  check(activation::relu(), [](auto const& v) { tshift::nn::relu<float>(v, v); });
  check(activation::leaky_relu(0.01), [](auto const& v) { tshift::nn::leaky_relu<float>(v, v); });
  check(activation::leaky_relu(0.2), [](auto const& v) { tshift::nn::leaky_relu<float>(v, v, 0.2); });
  check(activation::elu(1), [](auto const& v) { tshift::nn::elu<float>(v, v); });
  check(activation::elu(0.7), [](auto const& v) { tshift::nn::elu<float>(v, v, 0.7); });
}

TEST_CASE("activate refuses what does not fit", "[nn][activations][errors]") {
  auto const elu = [](auto const& x, auto const& y) { tshift::nn::elu(x, y); };
  check_refusals<float>("activate", 3, 3, true, [&](auto const& x, auto const& y) { elu(x, y); });
  check_refusals<double>("activate", 3, 3, true, [&](auto const& x, auto const& y) { elu(x, y); });
  std::vector<float> memory(6, 1.f);
  tensor_view<float> const x(memory.data(), {1, 2, 3});
  auto const message = [&x](activation const& f) { return message_of([&] { tshift::nn::activate<float>(f, x, x); }); };
  CHECK(message({static_cast<activation::kind>(5), 0}) == "activate: activation = 5, must be a named activation");
  CHECK(message(activation::leaky_relu(std::numeric_limits<double>::quiet_NaN())) ==
        "activate: the factor of the activation is nan, must be finite");
  CHECK(memory == std::vector<float>(6, 1.f));
}
