// SPDX-License-Identifier: MIT
// What the tests of this program were built for. isa.cpp, which has their flags, fills it in with constants only, so
// that reading it is safe on a processor that cannot run anything else of theirs.
#pragma once

namespace test_support {

struct isa {
  char const* name;  // of xsimd's default architecture
  bool avx2;
  bool fma;
  bool avx512f;
  bool avx512cd;
  bool avx512dq;
  bool avx512bw;
  bool avx512bf16;
};

extern isa const built_for;

}  // namespace test_support
