#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""From a checkpoint of PyTorch to logits of ser classify, by the script and the options that examples/ser/models.md shows.

    /usr/bin/python3 tests/interop/ser_models_test.py build/test/examples/ser
"""

import argparse
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy
import torch

HERE = pathlib.Path(__file__).resolve().parent
CONVERT = HERE.parent.parent / "examples" / "ser" / "convert.py"
# Where Python has no safetensors (Debian 12): the one function that convert.py takes from it.
STAND_IN = '''
import json, struct
def save_file(tensors, path):
    header, data = {}, b""
    for name, tensor in tensors.items():
        assert str(tensor.dtype) == "torch.float32" or str(tensor.dtype) == "torch.int64", tensor.dtype
        content = tensor.numpy().tobytes()
        kind = "F32" if str(tensor.dtype) == "torch.float32" else "I64"
        header[name] = dict(dtype=kind, shape=list(tensor.shape), data_offsets=[len(data), len(data) + len(content)])
        data += content
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
'''
# Kind, positions, and the shift where the program takes the paper's; options where it does not.
NONE = ("0", "delay", "1", "none")
MODELS = [
    ("ShiftCNN", "cnn", "none", ("16", "delay", "1", "skip"), []),
    ("CNN", "cnn", "none", NONE, ["--n-div", "0"]),
    ("CNN, another shift", "cnn", "none", ("8", "both", "2", "branch"),
     ["--n-div", "8", "--direction", "both", "--stride", "2", "--placement", "branch"]),
    ("ShiftLSTM", "shift_lstm", "none", ("4", "delay", "1", "branch"), []),
    ("LSTM", "lstm", "none", NONE, []),
    ("Shiftformer", "shiftformer", "none", ("4", "both", "1", "both"), []),
    ("Transformer", "transformer", "relative_key_query", NONE, []),
    ("Transformer, absolute", "transformer", "absolute", NONE, []),
]
# As training scripts save them.
WRAPPINGS = [
    lambda weights: weights,
    lambda weights: {"model": weights, "epoch": 3},
    lambda weights: {"state_dict": {"module." + name: tensor for name, tensor in weights.items()}, "epoch": 3},
    lambda weights: {"net": {"_orig_mod.module." + name: tensor for name, tensor in weights.items()}, "best": 7},
]


def load(path):
    """{name: array} of a file of F32."""
    content = pathlib.Path(path).read_bytes()
    size = int.from_bytes(content[:8], "little")
    arrays = {}
    for name, entry in json.loads(content[8 : 8 + size]).items():
        assert entry["dtype"] == "F32", (name, entry)
        first, last = (8 + size + offset for offset in entry["data_offsets"])
        arrays[name] = numpy.frombuffer(content[first:last], "<f4").reshape(entry["shape"])
    return arrays


def check_convert(folder, environment):
    """What people save beside a plain state_dict, and what the script says of it."""
    path = pathlib.Path(folder) / "other.pt"

    def convert(saved, *words):
        torch.save(saved, path)
        (pathlib.Path(folder) / "weights.safetensors").unlink(missing_ok=True)
        return subprocess.run([sys.executable, str(CONVERT), "other.pt", *words], cwd=folder, env=environment,
                              capture_output=True, text=True)

    def gives(names, saved, *words):
        done = convert(saved, *words)
        assert done.returncode == 0, done.stderr
        assert sorted(load(pathlib.Path(folder) / "weights.safetensors")) == names, names

    def says(sentence, saved, *words):
        done = convert(saved, *words)
        assert done.returncode == 1 and sentence in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr

    module = torch.nn.Linear(3, 2)
    weights = dict(module.state_dict())
    plain = ["bias", "weight"]
    says("If you trust whoever made it: convert.py other.pt --trust", module)
    gives(plain, module, "--trust")
    says("If you trust whoever made it: convert.py other.pt --trust", {"model": weights, "args": argparse.Namespace(lr=1)})
    gives(plain, {"model": weights, "args": argparse.Namespace(lr=1)}, "--trust")
    gives(plain, {"epoch": 3, "model_state_dict": weights, "optimizer": {"state": {}, "param_groups": [1]}})
    gives(plain, {"net": module}, "--trust")
    says("has weights in model, ema: name the one that is meant", {"model": weights, "ema": weights})
    gives(plain, {"model": weights, "ema": {"other": weights["bias"]}}, "model")
    gives(["other"], {"model": weights, "ema": {"other": weights["bias"]}}, "ema")
    says("has weights in no entry", {"epoch": 3})
    says("has weights in no entry", [weights["bias"]])
    gives(plain, {"model": {"state_dict": weights}, "step": 4})
    gives(plain, {**weights, "epoch": 3})
    gives(plain, {"net.model." + name: tensor for name, tensor in weights.items()})
    path.write_text("version https://git-lfs.github.com/spec/v1")
    done = subprocess.run([sys.executable, str(CONVERT), "other.pt"], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and "is no file of torch.save" in done.stderr, done.stderr
    gives(["model.a", "pretrain.b"], {"module.model.a": weights["bias"], "module.pretrain.b": weights["bias"]})
    return 16


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    spec = importlib.util.spec_from_file_location("golden_models", HERE.parent / "golden" / "models.py")
    golden = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(golden)
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
        if importlib.util.find_spec("safetensors") is None:
            package = pathlib.Path(folder) / "python" / "safetensors"
            package.mkdir(parents=True)
            (package / "__init__.py").write_text("")
            (package / "torch.py").write_text(STAND_IN)
            environment["PYTHONPATH"] = str(package.parent)
            print("safetensors is not installed: a stand-in writes the files")
        run = lambda *command: subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        for number, (name, kind, position, shift, options) in enumerate(MODELS):
            length = 0 if position == "none" else 374
            n_div, direction, stride, placement = shift
            model = golden.build(kind, 768, length, 4, position,
                                 golden.Shift(int(n_div), direction, int(stride), placement))
            golden.fill(model, number + 1)
            weights = WRAPPINGS[number % len(WRAPPINGS)](model.float().state_dict())
            torch.save(weights, pathlib.Path(folder) / "checkpoint.pt")
            run(sys.executable, str(CONVERT), "checkpoint.pt")
            said = run(str(program), "classify", "--weights", "weights.safetensors", "--input", "input.safetensors",
                       "--output", "output.safetensors", *options).stdout.decode()
            assert name.split(",")[0] + ", D = 768" in said, said
            x = torch.from_numpy(load(pathlib.Path(folder) / "input.safetensors")["x"].copy())
            want = model.double()(x.double()).numpy()
            got = load(pathlib.Path(folder) / "output.safetensors")["y"]
            assert got.shape == want.shape == (1, 4)
            error = numpy.linalg.norm(got - want) / numpy.linalg.norm(want)
            assert error <= 1e-5, f"{name}: the logits are {error:.1e} off"
            worst = max(worst, error)
        others = check_convert(folder, environment)
    print(f"{others} other things that people save; {len(MODELS)} checkpoints to logits, the worst {worst:.1e} off PyTorch in double precision")


if __name__ == "__main__":
    main()
