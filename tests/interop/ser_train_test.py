#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ser gradients and ser train --replay beside the PyTorch modules of tests/golden: CRNNs and vertical-patch ViTs, and
students that learn from a teacher, by features alone and by both.

    /usr/bin/python3 tests/interop/ser_train_test.py build/test/examples/ser
"""

import dataclasses
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent / "golden")]
from ser_test import load, save  # noqa: E402
import models  # noqa: E402
import generate_neighbour_gradients  # noqa: E402
from neighbours import Crnn, CrnnSizes, VerticalVit, VitSizes, fill  # noqa: E402

SMALL = CrnnSizes(channels=3, bands=9, widths=(3, 4), filters=4, body=(5, 6), body_taps=(3, 3), frame=7, hidden=4,
                  head=5)  # fmt: skip
PLAIN = CrnnSizes(channels=1, bands=11, widths=(5,), filters=6, body=(), pool=(3, 2), frame=0, hidden=5, directions=1,
                  attention=3, head=4, act="elu", factor=0.5, summary=("attention",), scorer="tanh")  # fmt: skip
STUDENT = VitSizes(rows=7, width=12, heads=2, depth_of_head=5, hidden=9, layers=2)
TEACHER = dataclasses.replace(STUDENT, teacher=True, layers=1, corrected=True)
FRAMES, BATCH, STEPS = 8, 3, 3


class Checks:
    def __init__(self, program, folder):
        self.program, self.folder, self.count, self.worst = program, pathlib.Path(folder), 0, 0.0

    def file(self, name):
        return self.folder / name

    def ser(self, *command):
        subprocess.run([self.program, *command, "--weights", self.file("w.safetensors"), "--output",
                        self.file("y.safetensors")], check=True, stdout=subprocess.DEVNULL)  # fmt: skip
        return load(self.file("y.safetensors"))

    def compare(self, found, want, tolerance, what):
        want = want.detach().numpy() if torch.is_tensor(want) else np.asarray(want)
        error = np.linalg.norm(found - want) / max(np.linalg.norm(want), 1e-30)
        assert found.shape == want.shape and error <= tolerance, (what, found.shape, want.shape, error)
        self.worst = max(self.worst, error)
        self.count += 1


def weights_of(model, kind):
    named = model.state_dict().items()
    return {name: value.numpy().astype(kind) for name, value in named if not name.endswith("num_batches_tracked")}


def made(model, seed):
    with torch.no_grad():
        fill(model, seed)
    return that_trains(model)


def that_trains(model):
    for p in model.parameters():
        p.requires_grad_()
    return model


def results(model, x):
    """Logits, and a ViT's feature or None. x [N, T, C F]: the bands of each channel beside each other."""
    if isinstance(model, Crnn):
        n, t, _ = x.shape
        s = model.sizes
        return model(x.reshape(n, t, s.channels, s.bands).transpose(2, 3)), None
    return model(x)


def is_lost(name):
    """What an instance norm takes away again: its gradient is rounding alone, and AdamW makes steps of that."""
    return name.startswith("conv_stem.") and name.endswith(".bias")


def loss_of(model, x, labels, teacher, classes, alpha):
    logits, feature = results(model, x)
    loss = classes * torch.nn.functional.cross_entropy(logits, labels) if classes else 0
    if teacher is not None:
        with torch.no_grad():
            target = teacher(x)[1]
        loss = loss + alpha * torch.nn.functional.l1_loss(feature, target)
    return loss, logits, feature


def check(checks, make, said, teacher=None, classes=1, alpha=0.0, more=()):
    given = made(make(), 3)
    # Of a CRNN with batch norms the file has them, and what is trained are the layers with them folded in.
    model = that_trains(generate_neighbour_gradients.without_norms(given))
    s = model.sizes
    wide = s.channels * s.bands if isinstance(model, Crnn) else s.rows
    random = np.random.default_rng(7)
    x = random.uniform(-1, 1, (STEPS, BATCH, FRAMES, wide))
    labels = random.integers(0, 4, (STEPS, BATCH))
    first = torch.from_numpy(x[0]).requires_grad_()
    loss, logits, feature = loss_of(model, first, torch.from_numpy(labels[0]), teacher, classes, alpha)
    loss.backward()
    options = [*said, *more]
    for kind, tolerance in ((np.float64, 1e-7), (np.float32, 2e-4)):
        what = (type(model).__name__, kind.__name__, *options)
        save(checks.file("w.safetensors"), weights_of(given, kind))
        if teacher is not None:
            save(checks.file("t.safetensors"), weights_of(teacher, kind))
        save(checks.file("x.safetensors"), {"x": x[0].astype(kind), "labels": labels[0]})
        found = checks.ser("gradients", "--input", checks.file("x.safetensors"), *options)
        checks.compare(found.pop("y"), logits, tolerance, (*what, "y"))
        checks.compare(found.pop("loss"), loss, tolerance, (*what, "loss"))
        checks.compare(found.pop("grad.x"), first.grad, tolerance, (*what, "x"))
        if feature is not None:
            checks.compare(found.pop("feature"), feature, tolerance, (*what, "feature"))
        for name, p in model.named_parameters():
            value = found.pop("grad." + name)
            if p.grad is None:  # of logits that have no loss
                assert name.startswith("mlp_head.") and not value.any(), (*what, name)
            elif is_lost(name):
                assert np.abs(value).max() <= tolerance, (*what, name, value)
            else:
                checks.compare(value, p.grad, tolerance, (*what, name))
        assert not found, found.keys()

    # Steps of AdamW, the gradients clipped.
    save(checks.file("w.safetensors"), weights_of(given, np.float64))
    if teacher is not None:
        save(checks.file("t.safetensors"), weights_of(teacher, np.float64))
    save(checks.file("x.safetensors"), {"x": x, "labels": labels})
    recipe = ["--lr", "1e-2", "--weight-decay", "0.1", "--clip", "0.5", "--schedule", "constant"]
    found = checks.ser("train", "--replay", checks.file("x.safetensors"), *recipe, *options)
    parts = [[p for p in model.parameters() if (p.dim() > 1) == decays] for decays in (True, False)]
    optimiser = torch.optim.AdamW([{"params": parts[0], "weight_decay": 0.1}, {"params": parts[1], "weight_decay": 0.0}],
                                  lr=1e-2)  # fmt: skip
    for step in range(STEPS):
        optimiser.zero_grad()
        loss, _, _ = loss_of(model, torch.from_numpy(x[step]), torch.from_numpy(labels[step]), teacher, classes, alpha)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        checks.compare(found["loss"][step], loss, 1e-7, (*options, "loss", step))
        checks.compare(found["grad_norm"][step], norm, 1e-7, (*options, "norm", step))
        optimiser.step()
    for name, p in model.named_parameters():
        if not is_lost(name):
            checks.compare(found["after." + name], p, 1e-7, (*options, "after", name))


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    both = models.Shift(2, "both", 1, "branch")
    with tempfile.TemporaryDirectory() as folder:
        checks = Checks(program, folder)
        check(checks, lambda: Crnn(SMALL), [])
        check(checks, lambda: Crnn(SMALL, both, (2,)),
              ["--n-div", "2", "--direction", "both", "--placement", "branch", "--shifted-convs", "2"])  # fmt: skip
        check(checks, lambda: Crnn(dataclasses.replace(SMALL, norm=True)), [])
        check(checks, lambda: Crnn(PLAIN), ["--max-pool", "3x2", "--activation", "elu:0.5", "--scorer", "tanh"])
        heads = ["--heads", "2"]
        check(checks, lambda: VerticalVit(STUDENT), heads)
        check(checks, lambda: VerticalVit(TEACHER), [*heads, "--coordinates", "corrected"])
        teacher = made(VerticalVit(TEACHER), 5)
        of_teacher = ["--teacher", checks.file("t.safetensors"), "--teacher-options=--heads 2 --coordinates corrected"]
        check(checks, lambda: VerticalVit(STUDENT), heads, teacher, 0, 1.0, [*of_teacher, "--stage", "features"])
        check(checks, lambda: VerticalVit(STUDENT), heads, teacher, 1, 1.0, of_teacher)
        shift = models.Shift(4, "both", 1, "both")
        mean = dataclasses.replace(STUDENT, mean=True)
        check(checks, lambda: VerticalVit(mean, shift),
              [*heads, "--pool", "mean", "--n-div", "4", "--direction", "both", "--placement", "both"], teacher, 1, 0.25,
              [*of_teacher, "--stage", "both", "--alpha", "0.25"])  # fmt: skip
    print(f"ser gradients and train --replay: {checks.count} cases, at most {checks.worst:.1e} from PyTorch")
    assert checks.count >= 400


if __name__ == "__main__":
    main()
