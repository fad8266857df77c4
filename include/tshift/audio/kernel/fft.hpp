// SPDX-License-Identifier: MIT
// The FFT: Eigen's, in double, with its plan and memory made beforehand, and under a name of this unit's own.
//
// Eigen::FFT<double> would be one class for all units of a program, and the linker would keep one unit's machine code of
// it, whatever flags the others were built with (config.hpp). What Eigen instantiates over a number type of ours bears
// the name of our flags. Where the user's unit chose another backend (EIGEN_FFTW_DEFAULT), which computes elsewhere and
// takes nothing but double, it gets double.
#pragma once

#include <tshift/macros/away.hpp>

#include <cmath>
#include <complex>
#include <cstddef>
#include <vector>

#include <unsupported/Eigen/FFT>

#include <tshift/config.hpp>
#include <tshift/error.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace audio { namespace kernel {

/// A double.
struct real {
  double value = 0;

  constexpr real() = default;
  constexpr real(double v) noexcept : value(v) {}

  friend constexpr real operator-(real a) noexcept { return -a.value; }
  friend constexpr real operator+(real a, real b) noexcept { return a.value + b.value; }
  friend constexpr real operator-(real a, real b) noexcept { return a.value - b.value; }
  friend constexpr real operator*(real a, real b) noexcept { return a.value * b.value; }
  friend constexpr real operator/(real a, real b) noexcept { return a.value / b.value; }
  friend real acos(real a) noexcept { return std::acos(a.value); }
};

/// Element i of a vector, whose own index has no sign.
template <class Vector>
auto& element(Vector& of, index_t i) noexcept {
  return *(of.data() + i);
}

inline double plain(real x) noexcept { return x.value; }
inline double plain(double x) noexcept { return x; }

}}}}}  // namespace tshift::audio::kernel

/// What Eigen's FFT asks of a complex number. The standard leaves std::complex of other types than its own unspecified,
/// but lets a program specialise it. The product is the formula: without std::complex<double>'s second look at NaNs.
template <>
class std::complex<tshift::audio::kernel::real> {
  using real_type = tshift::audio::kernel::real;

 public:
  using value_type = real_type;

  constexpr complex(real_type re = {}, real_type im = {}) noexcept : re_(re), im_(im) {}
  constexpr real_type real() const noexcept { return re_; }
  constexpr real_type imag() const noexcept { return im_; }

  constexpr complex& operator+=(complex const& b) noexcept { return *this = *this + b; }
  constexpr complex& operator*=(real_type b) noexcept { return *this = *this * b; }

  friend constexpr complex operator+(complex const& a, complex const& b) noexcept {
    return {a.re_ + b.re_, a.im_ + b.im_};
  }
  friend constexpr complex operator-(complex const& a, complex const& b) noexcept {
    return {a.re_ - b.re_, a.im_ - b.im_};
  }
  friend constexpr complex operator*(complex const& a, complex const& b) noexcept {
    return {a.re_ * b.re_ - a.im_ * b.im_, a.re_ * b.im_ + a.im_ * b.re_};
  }
  friend constexpr complex operator*(complex const& a, real_type b) noexcept { return {a.re_ * b, a.im_ * b}; }
  friend constexpr complex conj(complex const& a) noexcept { return {a.re_, -a.im_}; }
  /// Of an imaginary number, which is all that twiddles need.
  friend complex exp(complex const& a) noexcept {
    double const grown = std::exp(a.re_.value), angle = a.im_.value;
    return {grown * std::cos(angle), grown * std::sin(angle)};
  }

 private:
  real_type re_, im_;
};

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace audio { namespace kernel {

/// What is transformed.
#if defined(EIGEN_FFTW_DEFAULT) || defined(EIGEN_MKL_DEFAULT) || defined(EIGEN_POCKETFFT_DEFAULT) || \
    defined(EIGEN_DUCCFFT_DEFAULT)
using fft_number = double;
#else
using fft_number = real;
#endif

/// FFTs of one size, one at a time. Everything is allocated, and every plan made, when it is constructed: Eigen keeps
/// temporaries beside its plans, so that one object serves one thread.
class spectrum {
 public:
  /// @param size  n >= 2
  explicit spectrum(index_t size) : x_(static_cast<std::size_t>(size)), bins_(static_cast<std::size_t>(size / 2 + 1)) {
    fft_.SetFlag(Eigen::FFT<fft_number>::HalfSpectrum);
    transform();
  }
  /// An object of the same size, with plans of its own.
  spectrum(spectrum const& other) : spectrum(other.size()) {}
  spectrum(spectrum&&) noexcept = default;
  spectrum& operator=(spectrum const& other) { return *this = spectrum(other); }
  spectrum& operator=(spectrum&&) noexcept = default;
  ~spectrum() = default;

  index_t size() const noexcept { return static_cast<index_t>(x_.size()); }

  /// What is transformed: n numbers, zeros at first, which a transform does not change.
  void put(index_t i, double value) noexcept { element(x_, i) = value; }

  /// The bins 0 ... n / 2 of what is in x.
  void transform() { fft_.fwd(bins_.data(), x_.data(), size()); }

  /// |X[k]|^2
  double energy(index_t k) const noexcept {
    double const re = plain(element(bins_, k).real()), im = plain(element(bins_, k).imag());
    return re * re + im * im;
  }

 private:
  Eigen::FFT<fft_number> fft_;
  std::vector<fft_number> x_;
  std::vector<std::complex<fft_number>> bins_;
};

}}}}}  // namespace tshift::audio::kernel

#include <tshift/macros/back.hpp>
