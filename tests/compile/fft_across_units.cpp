// SPDX-License-Identifier: MIT
// A user's unit with features, for fft_across_units.cmake; or, with EIGENS_OWN, one with the FFT that it must not have.
#if defined(EIGENS_OWN)
#include <unsupported/Eigen/FFT>
template class Eigen::FFT<double>;
#else
#include <tshift/audio.hpp>
template class tshift::audio::log_mel<float>;
template class tshift::audio::log_mel_stream<float>;
#endif
