# SPDX-License-Identifier: MIT
# A PyTorch checkpoint to safetensors: python3 convert.py checkpoint.pt [ENTRY] [--trust]. Run by tests/interop/ser_models_test.py.
# [readme]
import pickle, sys, torch
from safetensors.torch import save_file

trust = "--trust" in sys.argv  # runs what code the file holds: for files whose author you trust
path, *chosen = [word for word in sys.argv[1:] if word != "--trust"]
try:
    found = torch.load(path, map_location="cpu", weights_only=not trust)
except pickle.UnpicklingError:
    sys.exit(f"{path} holds other objects beside tensors. If you trust whoever made it: convert.py {path} --trust")
parts = {"": found} if isinstance(found, torch.nn.Module) or all(map(torch.is_tensor, found.values())) else found
parts = {name: part.state_dict() if isinstance(part, torch.nn.Module) else part for name, part in parts.items()}
parts = {name: part for name, part in parts.items() if isinstance(part, dict) and part and all(map(torch.is_tensor, part.values()))}
parts = {name: part for name, part in parts.items() if not chosen or name in chosen}
if len(parts) != 1:  # training scripts save more than the weights
    sys.exit(f"{path} has weights in {', '.join(parts) or 'no entry'}: name the one that is meant, convert.py {path} ENTRY")
(weights,) = parts.values()
weights = {name: tensor.detach().clone().contiguous() for name, tensor in weights.items()}
for prefix in ("module.", "_orig_mod.", "module.", "model."):  # of wrappers, if all names have it
    if all(name.startswith(prefix) for name in weights):
        weights = {name.removeprefix(prefix): tensor for name, tensor in weights.items()}
        print(f"{prefix} is taken off all names")
save_file(weights, "weights.safetensors")
save_file({"x": torch.randn(1, 374, 768)}, "input.safetensors")  # your features: [utterances, frames, 768]
# [/readme]
