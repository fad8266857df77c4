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
import struct
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


# Sizes of a CRNN or a ViT, what the program says, and options for what is in no tensor.
SMALL = {"bands": 13, "filters": 4, "widths": (5, 8), "body": (6, 5), "frame": 9, "hidden": 5, "head": 6}
VIT = {"rows": 20, "width": 12, "heads": 3, "depth_of_head": 5, "hidden": 20, "layers": 2}
IMAGE_MODELS = [
    ("CRNN, D = 3 x 12", "CrnnSizes", SMALL, []),
    ("1 layer, last, attention", "CrnnSizes", {**SMALL, "norm": True, "directions": 1, "attention": 7, "act": "elu", "factor": 0.5,
     "summary": ("last", "attention"), "scorer": "tanh", "pool": (3, 2), "channels": 1},
     ["--activation", "elu:0.5", "--summary", "last,attention", "--scorer", "tanh", "--max-pool", "3x2"]),
    ("vertical-patch ViT, student", "VitSizes", VIT, ["--heads", "3"]),
    ("vertical-patch ViT, teacher", "VitSizes", {**VIT, "teacher": True, "corrected": True, "mean": True, "patch_width": 2},
     ["--heads", "3", "--pool", "mean", "--coordinates", "corrected", "--patch-width", "2"]),
]  # fmt: skip


def save(path, array):
    """A file of one tensor x of F32."""
    data = array.astype("<f4").tobytes()
    text = json.dumps({"x": {"dtype": "F32", "shape": list(array.shape), "data_offsets": [0, len(data)]}}).encode()
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


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
    # A checkpoint of the vertical-patch ViT: its losses stand beside the weights, and may be tensors.
    losses = {"epoch": 3, "CE": torch.tensor(0.5), "L1": torch.tensor([0.25]), "optimizer_state_dict": {"state": {}, "param_groups": [1]}}
    gives(plain, {"model_state_dict": weights, **losses})
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
    return 17


def check_images(folder, run, program):
    """CRNNs and ViTs of PyTorch, saved as their authors do, to logits and features. Returns the worst error."""
    sys.path.insert(0, str(HERE.parent / "golden"))
    import neighbours

    torch.set_grad_enabled(False)
    worst = 0.0
    for number, (words, kind, sizes, options) in enumerate(IMAGE_MODELS):
        sizes = getattr(neighbours, kind)(**sizes)
        crnn = kind == "CrnnSizes"
        model = neighbours.fill(neighbours.Crnn(sizes) if crnn else neighbours.VerticalVit(sizes), number + 1)
        saved = {name: value.float() if value.is_floating_point() else value for name, value in model.state_dict().items()}
        torch.save({"model_state_dict": saved, "CE": torch.tensor(0.5)}, pathlib.Path(folder) / "checkpoint.pt")
        run(sys.executable, str(CONVERT), "checkpoint.pt")
        pixels = (sizes.bands, sizes.channels) if crnn else (sizes.rows,)
        x = torch.from_numpy(neighbours.models.seeded("x", (2, 30, *pixels), number)).double()
        # Images of the CRNN as they are, those of the ViT as PyTorch has them, [N, 1, H, W].
        save(pathlib.Path(folder) / "image.safetensors", (x if crnn else x.transpose(1, 2)[:, None]).numpy())
        said = run(str(program), "classify", "--weights", "weights.safetensors", "--input", "image.safetensors",
                   "--output", "output.safetensors", *options).stdout.decode()  # fmt: skip
        assert words in said, said
        want = model(x)
        made = load(pathlib.Path(folder) / "output.safetensors")
        for name, result in zip(("y", "feature"), want if isinstance(want, tuple) else (want,)):
            assert made[name].shape == tuple(result.shape), (words, name)
            error = numpy.linalg.norm(made[name] - result.numpy()) / numpy.linalg.norm(result.numpy())
            assert error <= 1e-5, f"{words}: {name} is {error:.1e} off"
            worst = max(worst, error)
    return worst


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
        worst = max(worst, check_images(folder, run, program))
        others = check_convert(folder, environment)
    count = len(MODELS) + len(IMAGE_MODELS)
    print(f"{others} other things that people save; {count} checkpoints to logits, the worst {worst:.1e} off PyTorch in double precision")


if __name__ == "__main__":
    main()
