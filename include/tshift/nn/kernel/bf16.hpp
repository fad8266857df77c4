// SPDX-License-Identifier: MIT
// Products with weights of bf16: as the processor has them, or widened.
#pragma once

#include <tshift/nn/kernel/bf16_products.hpp>
#include <tshift/nn/kernel/bf16_widened.hpp>

namespace tshift { inline namespace TSHIFT_V { inline namespace TSHIFT_ISA { namespace nn::kernel {

/// What this unit multiplies pairs with.
#if defined(__AVX512BF16__)
template <class Arch>
using bf16_panels = rounded_panels<Arch>;
#else
template <class Arch>
using bf16_panels = widened_panels<Arch>;
#endif

}}}}  // namespace tshift::nn::kernel
