#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Where the numbers in include/tshift/nn/activations.hpp come from: a fit of the normal distribution function.

    /usr/bin/python3 tests/golden/fit_gelu.py        prints the coefficients and the errors; needs numpy

Phi(x) = 1/2 + x P(u) with u = 2 x^2 / X^2 - 1 in [-1, 1], P a polynomial, |x| <= X. Weighted least squares at Chebyshev
nodes, the weights raised where the error is large, until it is level. Behind X, Phi is 0 or 1 to float's last bit.
"""

import math

import numpy
from numpy.polynomial import chebyshev

X = 5.4
DEGREE = 15


def phi_part(x):
    return 0.5 * math.erf(x / math.sqrt(2)) / x if x > 1e-6 else 1 / math.sqrt(2 * math.pi)


def fit():
    nodes = 4000
    u = numpy.cos(numpy.pi * (numpy.arange(nodes) + 0.5) / nodes)
    x = X * numpy.sqrt((u + 1) / 2)
    want = numpy.array([phi_part(value) for value in x])
    basis = chebyshev.chebvander(u, DEGREE)
    importance = numpy.maximum(x, 0.3)
    weights = importance.copy()
    for _ in range(40):
        solution = numpy.linalg.lstsq(basis * weights[:, None], want * weights, rcond=None)[0]
        error = numpy.abs((basis @ solution - want) * importance)
        weights *= 0.3 + error / error.max()
        weights /= weights.max()
    return chebyshev.cheb2poly(solution), error.max()


def gelu_float(x, coefficients):
    """As the kernel does it: float throughout, fused multiply-add."""
    f = numpy.float32
    clipped = numpy.clip(x, f(-X), f(X))
    u = (clipped.astype(float) * clipped * float(f(2 / (X * X))) - 1).astype(f)
    p = numpy.full_like(u, f(coefficients[-1]))
    for c in coefficients[-2::-1]:
        p = (p.astype(float) * u + float(f(c))).astype(f)
    phi = (clipped.astype(float) * p + 0.5).astype(f)
    return x * numpy.where(x < f(-X), f(0), phi)


def main():
    coefficients, error = fit()
    print(f"X = {X}, degree {DEGREE}; in exact arithmetic Phi is off by at most {error:.1e}")
    for c in coefficients:
        print(f"  {c:.9e}")
    x = numpy.linspace(-10, 10, 400001).astype(numpy.float32)
    want = numpy.array([0.5 * v * (1 + math.erf(v / math.sqrt(2))) for v in x.astype(float)])
    off = numpy.abs(gelu_float(x, coefficients) - want)
    print(f"gelu in float, |x| <= 10: absolute error {off.max():.2e}, error / |x| {(off[x != 0] / numpy.abs(x[x != 0])).max():.2e}")


if __name__ == "__main__":
    main()
