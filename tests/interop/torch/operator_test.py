#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""torch.ops.tshift against the definition: values, memory orders, element types, gradients, refusals, tracing."""

import copy
import io
import itertools
import math
import pathlib
import pickle

import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.autograd.profiler import profile

import tshift_torch
from cases import CHANNELS, PADDINGS, PLANS, check, raises, random_bits, report, same_bits, shifted

ops = torch.ops.tshift
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
          torch.int8, torch.uint8, torch.bool, torch.complex128, torch.complex64]
random = torch.Generator().manual_seed(5)


def values():
    for (name, folds), padding in itertools.product(PLANS.items(), PADDINGS):
        for shape in [(2, 5, CHANNELS), (1, 1, CHANNELS), (2, 2, CHANNELS, 3, 2), (0, 5, CHANNELS), (2, 0, CHANNELS),
                      (2, 3, CHANNELS, 0, 2)]:
            x = random_bits(shape, torch.float32, random)
            y = ops.temporal_shift(x, folds, padding)
            check(same_bits(y, shifted(x, folds, padding)), f"{name}, {padding}, {shape}", "forward")
    for dtype, padding in itertools.product(DTYPES, PADDINGS):
        x = random_bits((2, 4, CHANNELS), dtype, random)
        before = x.clone()
        want = shifted(x, PLANS["both"], padding)
        check(same_bits(ops.temporal_shift(x, PLANS["both"], padding), want), f"{dtype}, {padding}", "forward")
        check(same_bits(x, before), f"{dtype}, {padding}: x has changed", "forward")
        check(ops.temporal_shift_(x, PLANS["both"], padding) is x, f"{dtype} in place: another tensor", "in place")
        check(same_bits(x, want), f"{dtype} in place", "in place")
        lengths = torch.tensor([3, 0])
        x = random_bits((2, 4, CHANNELS), dtype, random)
        for of in (torch.int64, torch.int32):
            y = ops.temporal_shift(x, PLANS["both"], padding, lengths=lengths.to(of))
            check(same_bits(y, shifted(x, PLANS["both"], padding, lengths)), f"{dtype}, {padding}, ragged", "forward")
    for dtype, fill in [(torch.float32, -1.5), (torch.bfloat16, 0.1), (torch.uint8, 128), (torch.int8, -128),
                        (torch.bool, True), (torch.complex64, 1 - 2j), (torch.int64, 2**60 + 1)]:
        x = random_bits((2, 4, CHANNELS), dtype, random)
        y = ops.temporal_shift(x, PLANS["both"], fill=fill)
        check(same_bits(y, shifted(x, PLANS["both"], "zero", fill=fill)), f"fill {fill} of {dtype}", "forward")


def memory_orders():
    """Every way to hold the same numbers gives the same numbers, and what need not be copied is not."""
    N, T, C, H, W = 2, 5, CHANNELS, 3, 4
    x = random_bits((N, T, C, H, W), torch.float32, random)
    flat = x[..., 0, 0].contiguous()
    wide = torch.zeros(N, T, C, H + 2, W + 2)
    wide[..., 1:-1, 1:-1] = x
    orders = {
        "dense": (x, {}, True, True),
        "channels last": (x.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3), {}, True, True),
        "NTHWC": (x.permute(0, 1, 3, 4, 2).contiguous(), dict(channel_dim=-1), True, True),
        "NCTHW": (x.permute(0, 2, 1, 3, 4).contiguous(), dict(time_dim=2, channel_dim=1), True, True),
        "TNCHW": (x.transpose(0, 1).contiguous(), dict(time_dim=0), True, True),
        "H and W swapped": (x.transpose(3, 4).contiguous().transpose(3, 4), {}, True, True),
        "every second frame": (x.repeat_interleave(2, 1)[:, ::2], {}, True, False),
        "some channels": (torch.cat([x, x], 2)[:, :, C:], {}, True, False),
        "a crop": (wide[..., 1:-1, 1:-1], {}, False, False),
        "NTC": (flat, {}, True, True),
        "NCT": (flat.transpose(1, 2).contiguous(), dict(time_dim=-1, channel_dim=-2), True, True),
        "TNC": (flat.transpose(0, 1).contiguous(), dict(time_dim=0, channel_dim=2), True, True),
        "TC": (flat[0], dict(time_dim=0, channel_dim=1), True, True),
        "one sequence repeated": (flat[:1].expand(3, T, C), {}, True, False),
        "one number repeated": (torch.full((), 3.0).expand(N, T, C), {}, True, False),
    }
    lengths = torch.tensor([4, 2, 5])
    for (name, (held, dims, direct, keeps)), padding in itertools.product(orders.items(), PADDINGS):
        t, c = dims.get("time_dim", 1), dims.get("channel_dim", 2)
        plain = held.movedim((t, c), (0, 1)).unsqueeze(0) if held.dim() == 2 else held.movedim((t, c), (1, 2))
        with profile() as events:
            y = ops.temporal_shift(held, PLANS["both"], padding, **dims)
        copies = {event.name for event in events.function_events} & {"aten::clone", "aten::copy_", "aten::contiguous"}
        check(bool(copies) != direct, f"{name}: copied by {copies or 'nothing'}", "memory orders")
        want = shifted(plain, PLANS["both"], padding)
        back = y.movedim((t, c), (0, 1)).unsqueeze(0) if held.dim() == 2 else y.movedim((t, c), (1, 2))
        check(same_bits(back, want), f"{name}, {padding}", "memory orders")
        y_all = y
        check(not keeps or y.stride() == held.stride(), f"{name}: strides {y.stride()}", "memory orders")
        of = lengths[: plain.shape[0]]
        y = ops.temporal_shift(held, PLANS["both"], padding, lengths=of, **dims)
        back = y.movedim((t, c), (0, 1)).unsqueeze(0) if held.dim() == 2 else y.movedim((t, c), (1, 2))
        check(same_bits(back, shifted(plain, PLANS["both"], padding, of)), f"{name}, ragged", "memory orders")
        r = torch.randn(held.shape, generator=random)
        added = ops.temporal_shift_add(held, r, PLANS["both"], padding, **dims)
        plus = ops.temporal_shift(held, PLANS["both"], padding, **dims) + r
        check(torch.allclose(added, plus, 0, 0, equal_nan=True), f"{name}, {padding}: add", "memory orders")
        if keeps:
            mine = torch.empty_strided(held.shape, held.stride()).copy_(held)
            ops.temporal_shift_(mine, PLANS["both"], padding, **dims)
            check(same_bits(mine, y_all), f"{name} in place", "in place")
    # Tensors that are conjugates or negatives only by a flag.
    z = torch.randn(2, 4, CHANNELS, dtype=torch.complex64, generator=random)
    for lazy in (z.conj(), z.conj().imag):
        y = ops.temporal_shift(lazy, PLANS["both"])
        want = shifted(lazy.resolve_conj().resolve_neg(), PLANS["both"], "zero")
        check(torch.equal(y, want), "lazy", "memory orders")


def threads():
    x = random_bits((4, 64, 512), torch.float32, random)
    for padding in PADDINGS:
        results = []
        for count in (1, 2, 5):
            torch.set_num_threads(count)
            results.append(ops.temporal_shift(x, [0, 100, 3, 200, 100, -2], padding))
        check(same_bits(results[0], results[1]) and same_bits(results[0], results[2]), f"threads, {padding}", "threads")
    torch.set_num_threads(1)


def gradients():
    double = dict(dtype=torch.float64, generator=random)
    for (name, folds), padding in itertools.product(PLANS.items(), PADDINGS):
        for shape, options in [((2, 4, CHANNELS), {}), ((2, 4, CHANNELS), dict(lengths=torch.tensor([3, 1]))),
                               ((1, CHANNELS, 3, 2, 1), dict(time_dim=2, channel_dim=1))]:
            x = torch.randn(shape, **double).requires_grad_()
            where = f"{name}, {padding}, {shape}"
            for call in (lambda x: ops.temporal_shift(x, folds, padding, fill=2.0, **options),
                         lambda x: ops.temporal_shift_adjoint(x, folds, padding, **options)):
                check(gradcheck(call, x), where, "gradcheck")
                check(gradgradcheck(call, x), where, "gradgradcheck")
            r = torch.randn(shape, **double).requires_grad_()
            both = lambda x, r: ops.temporal_shift_add(x, r, folds, padding, **options)
            check(gradcheck(both, (x, r)), where, "gradcheck")
            # <S x, g> = <x, S' g>, without rounding in whole numbers.
            a, g = (torch.randint(-99, 99, shape, generator=random).double() for _ in range(2))
            left = (ops.temporal_shift(a, folds, padding, **options) * g).sum()
            right = (a * ops.temporal_shift_adjoint(g, folds, padding, **options)).sum()
            check(left == right, f"{where}: <S x, g> = {left}, <x, S' g> = {right}", "inner products")
    z = torch.randn(1, 3, CHANNELS, dtype=torch.complex128, generator=random).requires_grad_()
    for padding in PADDINGS:
        check(gradcheck(lambda z: ops.temporal_shift(z, PLANS["both"], padding), z), f"complex, {padding}", "gradcheck")
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        for padding in PADDINGS:
            x = torch.randint(-8, 8, (2, 5, CHANNELS), generator=random).to(dtype).requires_grad_()
            g = torch.randint(-8, 8, (2, 5, CHANNELS), generator=random).to(dtype)
            ops.temporal_shift(x, PLANS["both"], padding).backward(g)
            want = ops.temporal_shift_adjoint(g.double(), PLANS["both"], padding)
            check(x.grad.dtype == dtype and torch.equal(x.grad.double(), want), f"{dtype}, {padding}", "gradients")


def autograd():
    x = torch.randn(2, 4, CHANNELS, generator=random).requires_grad_()
    ops.temporal_shift(x, [0, 8, 1]).sum().backward()  # the gradient arrives as one number, repeated
    check(torch.equal(x.grad, torch.ones_like(x) * torch.tensor([1.0, 1, 1, 0]).view(1, 4, 1)), "sum", "autograd")
    check(not ops.temporal_shift(x.detach(), [0, 8, 1]).requires_grad, "nothing to record", "autograd")
    with torch.no_grad():
        check(not ops.temporal_shift(x, [0, 8, 1]).requires_grad, "no_grad", "autograd")
        ops.temporal_shift_(x.clone(), [0, 8, 1])
    with torch.inference_mode():
        a = ops.temporal_shift(x, [0, 8, 1])
        check(torch.equal(ops.temporal_shift_(x.clone(), [0, 8, 1]), a), "inference_mode", "autograd")
    lengths = torch.tensor([2, 4])
    y = ops.temporal_shift(x, [0, 8, 1], lengths=lengths)
    lengths.fill_(1)  # may be used for something else before backward
    x.grad = None
    y.backward(torch.ones_like(y))
    want = ops.temporal_shift_adjoint(torch.ones_like(y), [0, 8, 1], lengths=torch.tensor([2, 4]))
    check(torch.equal(x.grad, want), "lengths changed before backward", "autograd")
    a = torch.randn(2, 4, CHANNELS, generator=random)
    loss = (x * a).sum()
    ops.temporal_shift_(a, [0, 8, 1])
    raises(RuntimeError, "modified by an inplace operation", loss.backward)


def refusals():
    x = torch.zeros(2, 4, CHANNELS)
    quantised = torch.quantize_per_tensor(x, 1, 0, torch.qint8)
    ours = (ValueError, RuntimeError)
    for sentence, call in {
        "fold 0 is channels [0, 0 + 9), must lie in [0, 8)": lambda: ops.temporal_shift(x, [0, 9, 1]),
        "folds 0 and 1 overlap at channel 2": lambda: ops.temporal_shift(x, [0, 3, 1, 2, 2, -1]),
        "17 folds, must be <= 16": lambda: ops.temporal_shift(x, [0, 0, 1] * 17),
        "folds has 4 integers, must have three for each fold": lambda: ops.temporal_shift(x, [0, 2, 1, 4]),
        "'reflect', must be zero, keep, edge or circular": lambda: ops.temporal_shift(x, [0, 2, 1], "reflect"),
        "x has 1 dimensions, must have time and channels": lambda: ops.temporal_shift(x[0, 0], [0, 2, 1]),
        "time_dim = 3, must be a dimension of x, which has 3": lambda: ops.temporal_shift(x, [0, 2, 1], time_dim=3),
        "time_dim and channel_dim are both 2": lambda: ops.temporal_shift(x, [0, 2, 1], time_dim=-1),
        "lengths[1] = 5, must be in [0, 4]": lambda: ops.temporal_shift(x, [0, 2, 1], lengths=torch.tensor([1, 5])),
        "x has 1 lengths": lambda: ops.temporal_shift(x, [0, 2, 1], lengths=torch.tensor([1])),
        "lengths is Float with 1 dim": lambda: ops.temporal_shift(x, [0, 2, 1], lengths=torch.tensor([1.0, 2.0])),
        "lengths is a meta tensor": lambda: ops.temporal_shift(x, [0, 2, 1], lengths=torch.ones(2).long().to("meta")),
        "x has dtype Float, r has Double": lambda: ops.temporal_shift_add(x, x.double(), [0, 2, 1]),
        "x and r must have one shape": lambda: ops.temporal_shift_add(x, x[:1], [0, 2, 1]),
        "x requires a gradient": lambda: ops.temporal_shift_(x.clone().requires_grad_(), [0, 2, 1]),
        "must be at least": lambda: ops.temporal_shift_(x[:1].expand(3, 4, CHANNELS), [0, 2, 1]),
        "no common stride": lambda: ops.temporal_shift_(torch.zeros(1, 4, CHANNELS, 5, 5)[..., 1:3, 1:3], [0, 2, 1]),
        "cannot be converted to type int8_t": lambda: ops.temporal_shift(x.to(torch.int8), [0, 2, 1], fill=300),
        "not implemented for 'Bool'": lambda: ops.temporal_shift_adjoint(x.bool(), [0, 2, 1], "keep"),
        "'SparseCPU' backend": lambda: ops.temporal_shift(x.to_sparse(), [0, 2, 1]),
        "'QuantizedCPU' backend": lambda: ops.temporal_shift(quantised, [0, 2, 1]),
        "there is no preset 'tms'": lambda: ops.preset("tms", 8),
        "rwkv takes no n_div": lambda: ops.preset("rwkv", 8, n_div=2),
        "tsm takes no direction": lambda: ops.preset("tsm", 8, direction="both"),
        "tsm takes no shift_ratio": lambda: ops.preset("tsm", 8, shift_ratio=0.125),
        "tps needs n_div": lambda: ops.preset("tps", 8),
        "'past', must be delay, advance or both": lambda: ops.preset("shiftser", 8, n_div=2, direction="past"),
        "shift_ratio = 0.5, must be > 0 and < 0.5": lambda: ops.preset("paddle", 8, shift_ratio=0.5),
        "n_div = 1, must be >= 2": lambda: ops.preset("tsm", 8, n_div=1),
    }.items():
        raises(ours, sentence, call)
    raises(ours, "fold 0 is channels", lambda: ops.temporal_shift(x.clone().requires_grad_(), [0, 9, 1]))
    raises(ours, "fold 0 is channels", lambda: ops.temporal_shift(x.to("meta"), [0, 9, 1]))


def learned_by_definition(x, offsets, padding, lengths=None):
    """(1 - d) S_k x + d S_{k+1} x, channel by channel."""
    y = torch.empty_like(x)
    for c, a in enumerate(offsets.tolist()):
        k = math.floor(a)
        early, late = (shifted(x[:, :, c : c + 1], [0, 1, offset], padding, lengths) for offset in (k, k + 1))
        y[:, :, c : c + 1] = torch.lerp(early, late, a - k)
    return y


def learned():
    double = dict(dtype=torch.float64, generator=random)
    lengths = torch.tensor([3, 5])
    for padding, options in itertools.product(PADDINGS, [{}, dict(lengths=lengths)]):
        for reach in (1.0, 3.0, 8.0):
            # Away from integers, where the slope has a step.
            offsets = torch.randint(-int(reach), int(reach), (CHANNELS,), generator=random).double()
            offsets = (offsets + 0.1 + 0.8 * torch.rand(CHANNELS, **double)).requires_grad_()
            where = f"learned, {padding}, {reach}, {options}"
            for shape in [(2, 5, CHANNELS), (2, 5, CHANNELS, 2, 1)][: 2 if reach == 1 else 1]:
                x = torch.randn(shape, **double).requires_grad_()
                forth = lambda x, a: ops.learned_shift(x, a, padding, **options)
                back = lambda x, a: ops.learned_shift_adjoint(x, a, padding, **options)
                want = learned_by_definition(x.detach(), offsets.detach(), padding, options.get("lengths"))
                check(torch.allclose(forth(x, offsets).detach(), want, 1e-14, 1e-14), where, "learned")
                for call in (forth, back):
                    check(gradcheck(call, (x, offsets)), where, "gradcheck")
                    check(gradgradcheck(call, (x, offsets)), where, "gradgradcheck")
                g = torch.randn(shape, **double)
                left, right = (forth(x, offsets) * g), (x * back(g, offsets))
                inside = torch.ones(2, 5, dtype=torch.bool)
                if options:
                    inside = torch.arange(5)[None] < lengths[:, None]
                check(torch.allclose(left[inside].sum(), right[inside].sum()), where, "inner products")
            # Other memory orders: time last, and a slice.
            x = torch.randn(2, CHANNELS, 5, **double).requires_grad_()
            last = lambda x, a: ops.learned_shift(x, a, padding, time_dim=2, channel_dim=1, **options)
            check(gradcheck(last, (x, offsets)), f"{where}, NCT", "gradcheck")
            sliced = lambda x, a: ops.learned_shift(x[..., 1:3, 1:3], a, padding, **options)
            x = torch.randn(2, 5, CHANNELS, 4, 4, **double).requires_grad_()
            check(gradcheck(sliced, (x, offsets)), f"{where}, a crop", "gradcheck")
        # At integers it is the shift, bit for bit; the sparse form is the shift by the nearest.
        x = random_bits((2, 5, CHANNELS), torch.float32, random)
        whole = torch.tensor([2.0, 2, -1, -1, 0, 0, 7, 1])
        folds = ops.rounded(whole)
        check(folds == [0, 2, 2, 2, 2, -1, 6, 1, 7, 7, 1, 1], f"rounded: {folds}", "learned")
        want = ops.temporal_shift(x, folds, padding, **options)
        check(same_bits(ops.learned_shift(x, whole, padding, **options), want), f"{padding}, integers", "learned")
        near = whole + torch.rand(CHANNELS, generator=random) * 0.9 - 0.45
        got = ops.learned_shift(x, near, padding, interpolation="nearest", **options)
        check(same_bits(got, want) and ops.rounded(near) == folds, f"{padding}, nearest", "learned")
        # ... with the slopes of the line, and at an integer the one to the right.
        a, held = near.clone().requires_grad_(), torch.randn(2, 5, CHANNELS, generator=random)
        ops.learned_shift(held, a, padding, interpolation="nearest", **options).sum().backward()
        b = near.clone().requires_grad_()
        ops.learned_shift(held, b, padding, **options).sum().backward()
        check(torch.equal(a.grad, b.grad) and a.grad.abs().sum() > 0, f"{padding}, sparse slope", "learned")
        b = whole.clone().requires_grad_()
        y = ops.learned_shift(held, b, padding, **options).sum()
        y.backward()
        step = (ops.learned_shift(held, whole + 0.25, padding, **options).sum() - y.detach()) * 4
        check(torch.allclose(b.grad.sum(), step, 1e-3, 1e-3), f"{padding}, right slope", "learned")
    x = torch.randn(4, 64, 512, generator=random)
    a, results = torch.randn(512, generator=random) * 2, []
    for count in (1, 2, 5):
        torch.set_num_threads(count)
        watched = [x.clone().requires_grad_(), a.clone().requires_grad_()]
        y = ops.learned_shift(*watched, "edge")
        (y * x).sum().backward()
        results.append([y.detach(), *(each.grad for each in watched)])
    torch.set_num_threads(1)
    for other in results[1:]:
        check(all(map(torch.equal, results[0], other)), "learned, threads", "threads")

    layer = tshift_torch.LearnedShift(CHANNELS, "keep").double()
    check(list(layer.state_dict()) == ["offset"] and layer.offset.abs().max() <= 1, "LearnedShift", "learned")
    x = torch.randn(2, 5, CHANNELS, **double)
    (layer(x).square().sum() + layer.penalty(0.1)).backward()
    check(layer.offset.grad.abs().min() > 0, "LearnedShift: no gradient", "learned")
    with torch.no_grad():
        layer.offset.copy_(layer.offset.round())
    check(torch.equal(layer(x), tshift_torch.temporal_shift(x, layer.folds(), layer.padding)), "folds()", "learned")
    zero = tshift_torch.LearnedShift(CHANNELS, start="zero")
    check(torch.equal(zero(x.float()), x.float()), "start", "learned")
    meta = ops.learned_shift(x.to("meta"), layer.offset.detach().to("meta"))
    check(meta.is_meta and meta.shape == x.shape, "learned, meta", "learned")
    ours, a = (ValueError, RuntimeError), torch.zeros(CHANNELS, dtype=torch.float64)
    for sentence, call in {
        "offsets has 1 dimensions and 7 elements, must be one for each of 8": lambda: ops.learned_shift(x, a[:7]),
        "x has dtype Double, offsets has Float": lambda: ops.learned_shift(x, a.float()),
        "x has dtype Half, must have Float or Double": lambda: ops.learned_shift(x.half(), a.half()),
        "offsets[0] = nan, must be within 2^30 frames": lambda: ops.learned_shift(x, a * float("nan")),
        "interpolation = 'cubic', must be linear or nearest": lambda: ops.learned_shift(x, a, interpolation="cubic"),
        "'reflect', must be zero, keep, edge or circular": lambda: ops.learned_shift(x, a, "reflect"),
        "x and dy must have one shape": lambda: ops.learned_shift_slopes(x, x[:1], a),
        "start has shape [3], must be [8]": lambda: tshift_torch.LearnedShift(8, start=[1.0, 2, 3]),
    }.items():
        raises(ours, sentence, call)


def in_pytorch():
    """Tracing, scripting, files, copies, tensors without data."""
    x = torch.randn(2, 4, CHANNELS, generator=random)
    layer = tshift_torch.TemporalShift("tps", CHANNELS, n_div=4)
    want = shifted(x, [0, 2, 1, 2, 2, -1], "keep")
    traced = torch.jit.trace(layer, x)
    file = io.BytesIO()
    torch.jit.save(traced, file)
    file.seek(0)
    longer = torch.randn(1, 9, CHANNELS, generator=random)
    for name, layer_ in [("layer", layer), ("traced", traced), ("loaded", torch.jit.load(file)),
                         ("copied", copy.deepcopy(layer)), ("pickled", pickle.loads(pickle.dumps(layer)))]:
        check(torch.equal(layer_(x), want), name, "in PyTorch")
        check(torch.equal(layer_(longer), shifted(longer, [0, 2, 1, 2, 2, -1], "keep")), name, "in PyTorch")
    check(not layer.state_dict(), "state_dict", "in PyTorch")

    @torch.jit.script
    def scripted(x):
        return torch.ops.tshift.temporal_shift(x, [0, 2, 1, 2, 2, -1], "keep")

    check(torch.equal(scripted(x), want), "scripted", "in PyTorch")
    for device_x in (torch.empty(2, 4, CHANNELS, device="meta"), torch.empty(2, 3, CHANNELS, 4, 4, device="meta")):
        y = ops.temporal_shift(device_x, [0, 2, 1])
        check(y.is_meta and y.shape == device_x.shape and y.stride() == device_x.stride(), "meta", "in PyTorch")
    from torch._subclasses import FakeTensorMode

    watched = x.clone().requires_grad_()
    with FakeTensorMode() as mode:
        fake = mode.from_tensor(watched)
        y = ops.temporal_shift(fake, [0, 2, 1])
        y.sum().backward()
        check(y.shape == x.shape and fake.grad.shape == x.shape, "fake tensors", "in PyTorch")


def presets():
    """By the golden cases: the folds that stand there are another statement than the library's."""
    seen = set()
    lines = (pathlib.Path(__file__).resolve().parents[2] / "golden" / "presets.txt").read_text().splitlines()
    for at, line in enumerate(lines):
        if not line.startswith("preset "):
            continue
        name, channels, *words = line.split()[1:]
        options = {}
        if len(words) == 1:
            options = dict(shift_ratio=float(words[0])) if "." in words[0] else dict(n_div=int(words[0]))
        if len(words) == 4:
            options = dict(n_div=int(words[0]), direction=words[1], stride=int(words[2]))
        folds, padding = ops.preset(name, int(channels), **options)
        check(folds == [int(word) for word in lines[at + 2].split()[2:]], line, "presets")
        check(len(words) == 4 or padding == lines[at + 1].split()[1], line, "presets")  # shiftser's is an argument
        seen.add(name)
    check(sorted(seen) == sorted(ops.preset_names()), f"golden cases of {seen}", "presets")


def main():
    torch.set_num_threads(1)
    values()
    presets()
    memory_orders()
    threads()
    gradients()
    autograd()
    refusals()
    learned()
    in_pytorch()
    report()


if __name__ == "__main__":
    main()
