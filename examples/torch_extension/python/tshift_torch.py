# SPDX-License-Identifier: MIT
"""tshift's operators in Python: `import tshift_torch` loads libtshift_torch.so from the folder of this file.

    y = tshift_torch.temporal_shift(x, *tshift_torch.preset("tsm", channels, n_div=8))

The same functions stand in torch.ops.tshift; what they take is described in tshift/interop/torch_library.hpp.
"""

import pathlib

import torch

torch.ops.load_library(str(pathlib.Path(__file__).resolve().with_name("libtshift_torch.so")))

temporal_shift = torch.ops.tshift.temporal_shift
temporal_shift_ = torch.ops.tshift.temporal_shift_
temporal_shift_add = torch.ops.tshift.temporal_shift_add
temporal_shift_adjoint = torch.ops.tshift.temporal_shift_adjoint
preset = torch.ops.tshift.preset
preset_names = torch.ops.tshift.preset_names
learned_shift = torch.ops.tshift.learned_shift
learned_shift_adjoint = torch.ops.tshift.learned_shift_adjoint
learned_shift_slopes = torch.ops.tshift.learned_shift_slopes
rounded = torch.ops.tshift.rounded


class TemporalShift(torch.nn.Module):
    """y = S x as a layer: TemporalShift("shiftser", channels, n_div=16, direction="both").

    No parameters and no buffers, so a model's state_dict does not change. Arguments after `channels` are the preset's,
    besides time_dim and channel_dim (1 and 2: [N,T,C] and [N,T,C,H,W]).
    """

    def __init__(self, name, channels, *, time_dim=1, channel_dim=2, **arguments):
        super().__init__()
        self.name = name
        self.folds, self.padding = preset(name, channels, **arguments)
        self.time_dim, self.channel_dim = time_dim, channel_dim

    def forward(self, x):
        return temporal_shift(x, self.folds, self.padding, time_dim=self.time_dim, channel_dim=self.channel_dim)

    def extra_repr(self):
        return f"{self.name}, folds={self.folds}, padding={self.padding}"


class LearnedShift(torch.nn.Module):
    """y = L x, a shift by one real offset a channel, which is learned: the parameter `offset` [channels], in frames;
    positive delays. Between two frames it interpolates; interpolation="nearest" is the sparse form.

    start: "uniform" draws from [-1, 1), "zero", or a list of numbers. Offsets want a learning rate of their own, about
    ten times that of weights, and no weight decay. Afterwards temporal_shift(x, layer.folds(), layer.padding) costs
    nothing. penalty(factor) is factor * sum |offset|, to be added to the loss.
    """

    def __init__(self, channels, padding="zero", *, interpolation="linear", start="uniform", time_dim=1, channel_dim=2):
        super().__init__()
        if start == "uniform":
            first = torch.rand(channels) * 2 - 1
        elif start == "zero":
            first = torch.zeros(channels)
        else:
            first = torch.as_tensor(start, dtype=torch.get_default_dtype()).clone()
        if first.shape != (channels,):
            raise ValueError(f"LearnedShift: start has shape {list(first.shape)}, must be [{channels}]")
        self.offset = torch.nn.Parameter(first)
        self.padding, self.interpolation = padding, interpolation
        self.time_dim, self.channel_dim = time_dim, channel_dim

    def forward(self, x, lengths=None):
        return learned_shift(x, self.offset, self.padding, interpolation=self.interpolation, lengths=lengths,
                             time_dim=self.time_dim, channel_dim=self.channel_dim)

    def folds(self):
        return rounded(self.offset)

    def penalty(self, factor):
        return factor * self.offset.abs().sum()

    def extra_repr(self):
        return f"{self.offset.numel()}, padding={self.padding!r}, interpolation={self.interpolation!r}"
