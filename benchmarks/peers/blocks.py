# SPDX-License-Identifier: MIT
"""Single blocks in PyTorch, for models.py --blocks: x [N, T, D] to y [N, T, D'], from the modules of
tests/golden/models.py. blocks.hpp has the same in tshift, by the same names of kinds and tensors.

    kind                    y
    block.linear            W x + b, from D to 4 D
    block.depthwise_conv1d  a filter of 7 taps for each channel
    block.layer_norm        scale and bias
    block.gelu              the exact one
    block.mlp               W2 gelu(W1 x), over 4 D
    block.residual_mlp      the same and x
    block.lstm              both directions, D units each
    block.self_attention    12 heads; positions as the models have them, absolute: none
    block.mean_pool         [N, 1, D]

The shift stands where its placement says: branch is what the block reads, skip is what residual_mlp adds.
"""

from torch import nn


class Conv(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv1d(width, width, kernel_size=7, padding=3, groups=width)

    def forward(self, x):
        return self.conv(x.transpose(1, 2)).transpose(1, 2)


class Lstm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.rnn = nn.LSTM(width, width, num_layers=1, batch_first=True, bidirectional=True)

    def forward(self, x):
        return self.rnn(x)[0]


class MeanPool(nn.Module):
    def forward(self, x):
        return x.mean(dim=1, keepdim=True)


class Block(nn.Module):
    def __init__(self, net, shift, residual):
        super().__init__()
        self.net, self.shift, self.residual = net, shift, residual

    def forward(self, x):
        y = self.net(self.shift.branch(x))
        return self.shift.skip(x) + y if self.residual else y


def build(golden, kind, width, length, position, shift):
    """A block in double precision. golden: the module tests/golden/models.py."""
    nets = {
        "block.linear": lambda: nn.Linear(width, 4 * width),
        "block.depthwise_conv1d": lambda: Conv(width),
        "block.layer_norm": lambda: nn.LayerNorm(width),
        "block.gelu": nn.GELU,
        "block.mlp": lambda: golden.Mlp(width),
        "block.residual_mlp": lambda: golden.Mlp(width),
        "block.lstm": lambda: Lstm(width),
        "block.self_attention": lambda: golden.Attention(width, length, position),
        "block.mean_pool": MeanPool,
    }
    block = Block(nets[kind](), shift, residual=kind == "block.residual_mlp")
    return block.double().eval().requires_grad_(False)
