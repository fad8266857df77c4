# SPDX-License-Identifier: MIT
# A PyTorch checkpoint to safetensors: python3 convert.py checkpoint.pt. Run by tests/interop/shiftser_test.py.
# [readme]
import sys, torch
from safetensors.torch import save_file

weights = torch.load(sys.argv[1], map_location="cpu")
for key in ("model", "state_dict"):  # some training scripts save more than the weights
    weights = weights.get(key, weights)
weights = {name.removeprefix("module."): tensor.detach().clone().contiguous() for name, tensor in weights.items()}
save_file(weights, "weights.safetensors")
save_file({"x": torch.randn(1, 374, 768)}, "input.safetensors")  # your features: [utterances, frames, 768]
# [/readme]
