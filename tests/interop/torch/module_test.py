#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Drop-in replacement: networks with the shift as TSM and ShiftSER write it, by slice assignment, and with the operator
in its place, trained side by side in double precision. Forward bit for bit; gradients and parameters within 1e-12."""

import copy

import torch

import tshift_torch
from cases import check, report

TOLERANCE = 1e-12


class SlicedTsm(torch.nn.Module):
    """TSM as released: the first fold sees the future, the second the past, the rest stays; zeros."""

    def __init__(self, frames, n_div):
        super().__init__()
        self.frames, self.n_div = frames, n_div

    def forward(self, x):
        x5 = x.view(-1, self.frames, *x.shape[1:])
        fold = x.shape[1] // self.n_div
        y = torch.zeros_like(x5)
        y[:, :-1, :fold] = x5[:, 1:, :fold]
        y[:, 1:, fold : 2 * fold] = x5[:, :-1, fold : 2 * fold]
        y[:, :, 2 * fold :] = x5[:, :, 2 * fold :]
        return y.view(x.shape)


class Tsm(torch.nn.Module):
    def __init__(self, frames, channels, n_div):
        super().__init__()
        self.frames = frames
        self.shift = tshift_torch.TemporalShift("tsm", channels, n_div=n_div)

    def forward(self, x):
        return self.shift(x.view(-1, self.frames, *x.shape[1:])).view(x.shape)


class SlicedShiftSer(torch.nn.Module):
    """ShiftSER on [N, T, C]: the first fold sees the past, and with `both` the second the future; zeros."""

    def __init__(self, n_div, direction, stride):
        super().__init__()
        self.n_div, self.direction, self.s = n_div, direction, stride

    def forward(self, x):
        s, fold = self.s, x.shape[2] // self.n_div
        y = torch.zeros_like(x)
        if self.direction == "advance":
            y[:, :-s, :fold] = x[:, s:, :fold]
        else:
            y[:, s:, :fold] = x[:, :-s, :fold]
        rest = fold
        if self.direction == "both":
            rest = 2 * fold
            y[:, :-s, fold:rest] = x[:, s:, fold:rest]
        y[:, :, rest:] = x[:, :, rest:]
        return y


class Video(torch.nn.Module):
    """Two residual blocks of frames [N * T, C, H, W], each branch behind a shift, and a mean over time."""

    def __init__(self, frames, channels, classes, shift):
        super().__init__()
        self.frames = frames
        self.stem = torch.nn.Conv2d(3, channels, 3, padding=1)
        self.blocks = torch.nn.ModuleList(
            torch.nn.Sequential(shift(), torch.nn.Conv2d(channels, channels, 1), torch.nn.ReLU(),
                                torch.nn.Conv2d(channels, channels, 3, padding=1)) for _ in range(2))
        self.head = torch.nn.Linear(channels, classes)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = torch.relu(x + block(x))
        return self.head(x.mean((2, 3)).view(-1, self.frames, x.shape[1]).mean(1))


class Speech(torch.nn.Module):
    """A ShiftSER-like block: x + MLP(shift(x)) or shift(x) + MLP(x), layer norm, a mean over time."""

    def __init__(self, channels, classes, shift, on_skip):
        super().__init__()
        self.on_skip = on_skip
        self.shift = shift()
        self.mlp = torch.nn.Sequential(torch.nn.LayerNorm(channels), torch.nn.Linear(channels, 2 * channels),
                                       torch.nn.GELU(), torch.nn.Linear(2 * channels, channels))
        self.head = torch.nn.Linear(channels, classes)

    def forward(self, x):
        x = self.shift(x) + self.mlp(x) if self.on_skip else x + self.mlp(self.shift(x))
        return self.head(x.mean(1))


def train_beside(name, theirs, ours, x, steps=4):
    check(list(theirs.state_dict()) == list(ours.state_dict()), f"{name}: other parameters")
    ours.load_state_dict(copy.deepcopy(theirs.state_dict()))
    target = torch.arange(len(theirs(x))) % 4
    models = (theirs, ours)
    optimizers = [torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9) for model in models]
    for step in range(steps):
        inputs = [x.clone().requires_grad_() for _ in models]
        logits = [model(held) for model, held in zip(models, inputs)]
        if step == 0:
            check(torch.equal(*logits), f"{name}: the logits differ", "networks with equal logits")
        for result, optimizer in zip(logits, optimizers):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(result, target).backward()
        for a, b in [(inputs[0].grad, inputs[1].grad),
                     *((p.grad, q.grad) for p, q in zip(theirs.parameters(), ours.parameters()))]:
            check(torch.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE), f"{name}: gradients differ", "gradients")
        for optimizer in optimizers:
            optimizer.step()
    for p, q in zip(theirs.parameters(), ours.parameters()):
        check(torch.allclose(p, q, rtol=TOLERANCE, atol=TOLERANCE), f"{name}: parameters differ", "parameters")


def main():
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(11)
    frames, channels = 4, 16
    for n_div in (2, 3, 8):
        x = torch.randn(2 * frames, 3, 6, 5)
        train_beside(f"tsm n_div {n_div}", Video(frames, channels, 4, lambda: SlicedTsm(frames, n_div)),
                     Video(frames, channels, 4, lambda: Tsm(frames, channels, n_div)), x)
    for direction in ("delay", "advance", "both"):
        for n_div, stride, on_skip in [(2, 1, True), (4, 1, False), (4, 3, True), (16, 2, False)]:
            sliced = lambda: SlicedShiftSer(n_div, direction, stride)
            options = dict(n_div=n_div, direction=direction, stride=stride)
            layer = lambda: tshift_torch.TemporalShift("shiftser", channels, **options)
            train_beside(f"shiftser {direction} n_div {n_div} stride {stride}", Speech(channels, 4, sliced, on_skip),
                         Speech(channels, 4, layer, on_skip), torch.randn(3, 9, channels))
    report()


if __name__ == "__main__":
    main()
