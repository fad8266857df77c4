// SPDX-License-Identifier: MIT
// Every public header after macros that other people's headers define, and the macros still there afterwards. Nothing
// comes before: the headers that the library includes, xsimd's for one, would not survive T and N either.
#define min(a, b) (((a) < (b)) ? (a) : (b))
#define max(a, b) (((a) > (b)) ? (a) : (b))
#define near
#define far
#define small char
#define check(condition) ((void)(condition))
#define major(device) ((device) >> 8)
#define minor(device) ((device)&255)
#define B0 0000000
#define B1 1
#define A 8
#define B 2
#define C 3
#define D 4
#define E 5
#define F(text) (text)
#define G 9.81
#define H "H"
#define I _Complex_I
#define J _Complex_I
#define K 1024
#define L 7
#define M 6
#define N 3
#define O 0
#define P 1
#define Q 4
#define R 8.314
#define S(text) #text
#define T 7
#define U 1u
#define V 12
#define W 1
#define X 0
#define Y 1
#define Z 2
// Those that do not meet any name of ours: the library must not begin to use them.
#define interface struct
#define ERROR 0
#define TRUE 1
#define FALSE 0
#define None 0L
#define Bool int
#define Status int
#define IN
#define OUT
#define verify(condition) ((void)(condition))
#define require(condition, label) goto label

#include "every_public_header.hpp"  // hostile_macros.cmake writes it

// Given back as they were.
static_assert(min(1, 2) == 1 && max(1, 2) == 2 && sizeof(small) == 1 && major(0x803) == 8 && minor(0x803) == 3);
static_assert(B0 + B1 == 1 && A + B + C + D + E == 22 && K == 1024 && L * M * N * Q == 504 && T + V + Z == 21);
static_assert(sizeof(H) + sizeof(S(x)) + sizeof(F("y")) == 6 && G > R && O + P + U + W + X + Y == 4);
#if !defined(near) || !defined(far) || !defined(check) || !defined(I) || !defined(J)
#error "a macro was not given back"
#endif

// And the library is usable.
template class tshift::shift_stream<float>;
template class tshift::models::shift_cnn<float>;

tshift::shape use(float* x, float* y) {
  constexpr tshift::shape dims{.time = 2, .channels = 4};
  tshift::shift({x, dims}, tshift::tensor_view(y, dims), tshift::presets::tsm(4));
  return dims;
}
