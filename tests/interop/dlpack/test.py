# SPDX-License-Identifier: MIT
"""interop/dlpack.hpp on what PyTorch and NumPy hand over: shifts between their tensors, in every combination.

usage: test.py <shared library of library.cpp>
"""

import ctypes
import itertools
import sys

import numpy as np
import torch
import torch.utils.dlpack

LIBRARY = ctypes.CDLL(sys.argv[1])
POINTER = ctypes.pythonapi.PyCapsule_GetPointer
POINTER.restype = ctypes.c_void_p
POINTER.argtypes = [ctypes.py_object, ctypes.c_char_p]
SHIFT = LIBRARY.shift_dlpack
SHIFT.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p,
                  ctypes.c_char_p, ctypes.c_size_t]

N, T, C, H, W = 2, 5, 8, 3, 4
DTYPES = ["i1", "i2", "i4", "i8", "u1", "f4", "f8"]  # PyTorch has no other unsigned ones
MOVED_AS_BYTES = {"f2": "V2", "c8": "V8", "c16": "V16"}


def shift(x, x_axes, y, y_axes, kind, n_div=4):
    """The sentence that the call was refused with, "" if it was not."""
    capsules = [tensor.__dlpack__() for tensor in (x, y)]
    pointers = [POINTER(capsule, b"dltensor") for capsule in capsules]
    message = ctypes.create_string_buffer(256)
    refused = SHIFT(pointers[0], x_axes.encode(), pointers[1], y_axes.encode(), n_div, kind.encode(), message, 256)
    return message.value.decode() if refused else ""


def values(shape, dtype):
    count = int(np.prod(shape))
    return (np.arange(count) % 120 + 1).astype(dtype).reshape(shape)


def expected(x, n_div=4):
    """TSM's slice assignment on [N, T, C, ...]."""
    y = np.zeros_like(x)
    fold = x.shape[2] // n_div
    y[:, :-1, :fold] = x[:, 1:, :fold]
    y[:, 1:, fold:2 * fold] = x[:, :-1, fold:2 * fold]
    y[:, :, 2 * fold:] = x[:, :, 2 * fold:]
    return y


def memory_orders(axes, shape, dtype, library):
    """Tensors without meaning of that shape: dense, permuted, a slice of a larger one, backwards."""
    sizes = dict(zip("NTCHW", shape)) if len(shape) == 5 else dict(zip("NTC", shape))
    dims = [sizes[letter] for letter in axes]
    make = (lambda s: torch.from_numpy(np.zeros(s, dtype))) if library == "torch" else (lambda s: np.zeros(s, dtype))
    yield make(dims)
    yield make([dims[1], dims[0], *dims[2:]]).swapaxes(0, 1)
    if len(dims) == 3:
        yield make(dims[::-1]).T if library == "numpy" else make(dims[::-1]).permute(2, 1, 0)
    yield make([dims[0], dims[1] + 3, *dims[2:]])[:, 2:-1]
    if library == "numpy":  # PyTorch has no negative strides
        yield make(dims)[::-1, ::-1]


def run_all():
    cases = 0
    kinds = {dtype: dtype for dtype in DTYPES} | MOVED_AS_BYTES
    for shape, orders in (((N, T, C), ("NTC", "NCT", "TNC")), ((N, T, C, H, W), ("NTCHW", "NCTHW", "NTHWC"))):
        names = "NTCHW"[:len(shape)]
        for dtype, kind in kinds.items():
            source = values(shape, dtype)
            want = expected(source)
            for x_axes, y_axes, *libraries in itertools.product(orders, orders, ("torch", "numpy"), ("torch", "numpy")):
                for x, y in itertools.product(memory_orders(x_axes, shape, dtype, libraries[0]),
                                              memory_orders(y_axes, shape, dtype, libraries[1])):
                    np.asarray(x)[...] = np.transpose(source, [names.index(letter) for letter in x_axes])
                    message = shift(x, x_axes, y, y_axes, kind)
                    got = np.transpose(np.asarray(y), [y_axes.index(letter) for letter in names])
                    assert message == "" and np.array_equal(got, want), (shape, dtype, x_axes, y_axes, libraries, message)
                    cases += 1
    return cases


def run_single():
    """What NumPy has and PyTorch has not, and the other way round."""
    x, y = values((T, C), "f4"), np.zeros((T, C), "f4")
    assert shift(x, "", y, "", "f4") == "" and np.array_equal(y, expected(x[None])[0])
    for dtype in ("u2", "u4", "u8"):
        x, y = values((N, T, C), dtype), np.zeros((N, T, C), dtype)
        assert shift(x, "", y, "", dtype) == "" and np.array_equal(y, expected(x))
    x, y = torch.arange(N * T * C).reshape(N, T, C).to(torch.bfloat16), torch.zeros(N, T, C, dtype=torch.bfloat16)
    assert shift(x, "", y, "", "V2") == "" and np.array_equal(y.float().numpy(), expected(x.float().numpy()))
    # NumPy's memory as PyTorch's tensor, in place.
    base = values((N, T, C), "f4")
    x = torch.from_dlpack(base)
    assert shift(x, "", x, "", "f4") == "" and np.array_equal(base, expected(values((N, T, C), "f4"))), "in place"
    return 6


def run_refused():
    good, out = values((N, T, C), "f4"), np.zeros((N, T, C), "f4")
    rows = [
        (good, "NTC", "f8", "x has dtype code 2, 32 bits, 1 lanes, the view code 2, 64 bits, 1 lane"),
        (good, "NTC", "i4", "x has dtype code 2, 32 bits, 1 lanes, the view code 0, 32 bits, 1 lane"),
        (good, "NTC", "V8", "x has elements of 32 bits in 1 lanes, the view of 64 bits"),
        (good, "NTX", "f4", 'axes = "NTX", must be T and C once and N, D, H, W, S at most once'),
        (good, "TC", "f4", 'axes = "TC", must name the 3 dimensions of x'),
        (good.ravel(), "", "f4", "x has 1 dimensions, must have time and channels"),
        (torch.zeros(()), "", "f4", "x has 0 dimensions, must have time and channels"),
        (torch.zeros(N, T, C, H, W), "", "f4", 'x has 5 dimensions, which must be named, as in "NTCHW"'),
        (torch.zeros(N, T, C, H, W)[..., 1:], "NTCHW", "f4",
         "H and W of x cannot be walked with one stride, must lie as in dense memory"),
        (torch.zeros(N, T, C, W, H).mT, "NTCHW", "f4",
         "H and W of x cannot be walked with one stride, must lie as in dense memory"),
    ]
    for x, axes, kind, sentence in rows:
        message = shift(x, axes, out, "", kind)
        assert message == "view_of: " + sentence, message
        assert not out.any(), "written before it was refused"
    return len(rows)


def run_freed():
    """A capsule that was only looked at frees its tensor: nothing is left behind, nothing freed twice."""
    x = values((N, T, C), "f4")
    before = sys.getrefcount(x)
    for _ in range(100):
        shift(x, "", x, "", "f4")
    assert sys.getrefcount(x) == before
    return 1


if __name__ == "__main__":
    print(f"interop/dlpack.hpp with PyTorch {torch.__version__} and NumPy {np.__version__}: {run_all()} shifts, "
          f"{run_single()} single ones, {run_refused()} refusals, {run_freed()} check of ownership")
