# SPDX-License-Identifier: MIT
# A PyTorch checkpoint to safetensors: python3 convert.py checkpoint.pt [ENTRY] [--trust]. Run by tests/interop/ser_models_test.py.
# [readme]
import pickle, sys, torch
from safetensors.torch import save_file

def weights_in(part, name=""):
    """Dictionaries of tensors, such as model_state_dict, by the names of the entries that lead there; no optimiser's, and
    no loss that is a tensor beside them."""
    part = part.state_dict() if isinstance(part, torch.nn.Module) else part
    if not isinstance(part, dict) or "param_groups" in part:
        return {}
    tensors = {str(key): value for key, value in part.items() if torch.is_tensor(value)}
    inner = [weights_in(value, f"{name}.{key}".strip(".")) for key, value in part.items()]
    deeper = {key: value for each in inner for key, value in each.items()}
    return deeper or ({name: tensors} if tensors else {})

trust = "--trust" in sys.argv  # runs what code the file holds: for files whose author you trust
path, *chosen = [word for word in sys.argv[1:] if word != "--trust"]
if open(path, "rb").read(2) not in (b"PK", b"\x80\x02"):
    sys.exit(f"{path} is no file of torch.save: a page or a Git LFS pointer, perhaps, in place of the file itself")
try:
    parts = weights_in(torch.load(path, map_location="cpu", weights_only=not trust))
except pickle.UnpicklingError:
    sys.exit(f"{path} holds other objects beside tensors. If you trust whoever made it: convert.py {path} --trust")
parts = {name: part for name, part in parts.items() if not chosen or name in chosen}
if len(parts) != 1:  # training scripts save more than the weights
    sys.exit(f"{path} has weights in {', '.join(parts) or 'no entry'}: name the one that is meant, convert.py {path} ENTRY")
(weights,) = parts.values()
weights = {name: tensor.detach().clone().contiguous() for name, tensor in weights.items()}
while len(prefixes := {name.split(".")[0] + "." for name in weights}) == 1 and all("." in name for name in weights):
    weights = {name.partition(".")[2]: tensor for name, tensor in weights.items()}  # a wrapper's
    print(f"{prefixes.pop()} is taken off all names")
save_file(weights, "weights.safetensors")
save_file({"x": torch.randn(1, 374, 768)}, "input.safetensors")  # your features: [utterances, frames, 768]
# [/readme]
