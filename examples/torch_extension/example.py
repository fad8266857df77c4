#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A TSM block with its shift replaced: the same logits, the same gradients.

Build the extension (CMakeLists.txt), then, with the Python that has torch:
    PYTHONPATH=build/torch /usr/bin/python3 examples/torch_extension/example.py
"""

import torch

import tshift_torch


class SliceAssignment(torch.nn.Module):
    """The shift as video networks write it, for frames [N * T, C, H, W]."""

    def __init__(self, frames, n_div):
        super().__init__()
        self.frames, self.n_div = frames, n_div

    def forward(self, x):
        nt, c, h, w = x.shape
        x = x.view(nt // self.frames, self.frames, c, h, w)
        fold = c // self.n_div
        y = torch.zeros_like(x)
        y[:, :-1, :fold] = x[:, 1:, :fold]  # the future
        y[:, 1:, fold : 2 * fold] = x[:, :-1, fold : 2 * fold]  # the past
        y[:, :, 2 * fold :] = x[:, :, 2 * fold :]
        return y.view(nt, c, h, w)


class Shifted(torch.nn.Module):
    """The same in one pass."""

    def __init__(self, frames, channels, n_div):
        super().__init__()
        self.frames = frames
        self.shift = tshift_torch.TemporalShift("tsm", channels, n_div=n_div)

    def forward(self, x):
        return self.shift(x.view(-1, self.frames, *x.shape[1:])).view(x.shape)


def block(shift, channels):
    torch.manual_seed(7)
    return torch.nn.Sequential(
        shift,
        torch.nn.Conv2d(channels, channels, 1),
        torch.nn.BatchNorm2d(channels),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(channels, 5),
    )


def run(model, x):
    logits = model(x)
    torch.nn.functional.cross_entropy(logits, torch.arange(len(x)) % 5).backward()
    return logits.detach(), [p.grad for p in model.parameters()]


def main():
    frames, channels = 8, 32
    x = torch.randn(2 * frames, channels, 14, 14, generator=torch.Generator().manual_seed(1))
    want, want_gradients = run(block(SliceAssignment(frames, 8), channels), x)
    got, gradients = run(block(Shifted(frames, channels, 8), channels), x)
    assert torch.equal(want, got), "the logits differ"
    assert len(gradients) == 6 and all(map(torch.equal, want_gradients, gradients)), "the gradients differ"

    # Channels last, and no copy is made of it: the result has the same memory order.
    last = x.to(memory_format=torch.channels_last).view(2, frames, channels, 14, 14)
    folds, padding = tshift_torch.preset("tsm", channels, n_div=8)
    y = tshift_torch.temporal_shift(last, folds, padding)
    assert y.stride() == last.stride(), "the memory order differs"
    assert torch.equal(y, tshift_torch.temporal_shift(last.contiguous(), folds, padding)), "the numbers differ"

    print(tshift_torch.TemporalShift("tsm", channels, n_div=8))
    print(f"first logits: {' '.join(f'{value:.4f}' for value in got[0])}")
    print("slice assignment and tshift agree, bit for bit: logits, and gradients of 6 parameters")


if __name__ == "__main__":
    main()
