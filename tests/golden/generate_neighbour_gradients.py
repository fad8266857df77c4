#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes neighbour_gradients.txt next to this script, or compares it, all in double precision: gradients of the models
in neighbours.py, and steps in which a ViT's student learns from its teacher.

    /usr/bin/python3 tests/golden/generate_neighbour_gradients.py            write
    /usr/bin/python3 tests/golden/generate_neighbour_gradients.py --check    regenerate, compare, exit 1 where it differs

The cases are some of those of neighbours.txt. Batch norms are folded into the layers before them first: so they are
trained. Of a tensor the file has the norm and two projections, as gradients.txt. See README.md.
"""

import argparse
import dataclasses
import pathlib
import sys

import torch

sys.dont_write_bytecode = True  # no __pycache__ in the source tree
import generate_gradients  # noqa: E402
import generate_neighbours  # noqa: E402
from neighbours import Crnn, CrnnSizes, fill  # noqa: E402

FILE = pathlib.Path(__file__).resolve().parent / "neighbour_gradients.txt"
ALPHA = 0.5


def cases():
    return [*generate_neighbours.crnn_cases(), *generate_neighbours.vit_cases()]


def chosen(index, case):
    if isinstance(case.sizes, CrnnSizes):
        return index % 2 == 0
    return not case.sizes.teacher or index % 2 == 0


# --- Norms ----------------------------------------------------------------------------------------------------------


def folded(layer, norm, first=0):
    """Weight and bias of a layer with its channels of a norm, which begin at `first`."""
    if norm is None:
        return layer.weight, layer.bias
    part = slice(first, first + len(layer.weight))
    factor = norm.weight[part] / torch.sqrt(norm.running_var[part] + norm.eps)
    weight = layer.weight * factor.reshape(-1, *[1] * (layer.weight.dim() - 1))
    return weight, (layer.bias - norm.running_mean[part]) * factor + norm.bias[part]


def without_norms(model):
    """The same model of layers alone."""
    if not isinstance(model, Crnn) or not model.sizes.norm:
        return model
    plain = Crnn(dataclasses.replace(model.sizes, norm=False), model.shift, model.shifted).double().eval()
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if ".norm." not in k})
    with torch.no_grad():
        layers = [(plain.conv[i], conv, conv.norm, 0) for i, conv in enumerate(model.conv) if i > 0]
        if model.frame is not None:
            layers.append((plain.frame, model.frame, model.frame.norm, 0))
        first = 0
        for number in range(model.conv[0].count):
            conv = model.conv[0].get_submodule(str(number))
            layers.append((plain.conv[0].get_submodule(str(number)), conv, model.conv[0].norm, first))
            first += len(conv.weight)
        for to, layer, norm, channel in layers:
            weight, bias = folded(layer, norm, channel)
            to.weight.copy_(weight)
            to.bias.copy_(bias)
    return plain


# --- Gradients ------------------------------------------------------------------------------------------------------


def model_of(index, case):
    """With parameters that train."""
    with torch.no_grad():
        model = without_norms(fill(case.model(), index + 1))
    for p in model.parameters():
        p.requires_grad_()
    return model


def parts_of(case, model, x):
    """Logits, and features of a ViT."""
    rows = torch.stack(case.results(model, x))
    return rows[:, : case.sizes.classes], rows[:, case.sizes.classes :]


def lines_of(key, named, seed):
    return [f"{key} " + generate_gradients.probes(name, tensor, seed) for name, tensor in named]


def grads_of(model):
    return [(name, p.grad) for name, p in model.named_parameters() if p.grad is not None]


def gradients(index, case):
    seed = index + 1
    model, x = model_of(index, case), case.input(seed).requires_grad_()
    loss = generate_gradients.loss_of(index, parts_of(case, model, x)[0])
    loss.backward()
    assert all(p.grad is not None for p in model.parameters()), index
    return [f"case {index}", f"loss {loss.item():.12e}", *lines_of("grad", [("x", x.grad), *grads_of(model)], seed)]


def transfer(student, teacher, all_cases):
    """Features alone, then classes and features, and what one step of AdamW makes of those."""
    case, seed = all_cases[student], student + 1
    x = case.input(seed)
    with torch.no_grad():
        target = parts_of(case, model_of(teacher, all_cases[teacher]), x)[1]
    lines = [f"transfer {student} {teacher} {ALPHA:g}"]

    model = model_of(student, case)
    loss = torch.nn.functional.l1_loss(parts_of(case, model, x)[1], target)
    loss.backward()
    lines += [f"of_features {loss.item():.12e}", *lines_of("features", grads_of(model), seed)]

    model = model_of(student, case)
    logits, feature = parts_of(case, model, x)
    loss = generate_gradients.loss_of(student, logits) + ALPHA * torch.nn.functional.l1_loss(feature, target)
    loss.backward()
    lines += [f"of_both {loss.item():.12e}", *lines_of("both", grads_of(model), seed)]
    decays = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    torch.optim.AdamW(
        [{"params": decays, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}], lr=2e-3
    ).step()
    return lines + lines_of("after", model.named_parameters(), seed)


def pairs(all_cases):
    """Students and teachers that see the same patches of as many images."""
    teachers = [i for i, c in enumerate(all_cases) if not isinstance(c.sizes, CrnnSizes) and c.sizes.teacher]
    for i, case in enumerate(all_cases):
        if isinstance(case.sizes, CrnnSizes) or case.sizes.teacher or case.shift.n_div > 0 or case.batch > 3:
            continue
        same = dataclasses.replace(case.sizes, teacher=True)
        for j in teachers:
            other = all_cases[j]
            if other.sizes == same and other.lengths == case.lengths and other.time == case.time:
                yield i, j
                break


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the file instead of writing it")
    check = parser.parse_args().check
    all_cases = cases()
    some = [(i, c) for i, c in enumerate(all_cases) if chosen(i, c)]
    steps = list(pairs(all_cases))[::2]
    lines = [
        f"# Generated by tests/golden/generate_neighbour_gradients.py, torch {torch.__version__}. Do not edit.",
        "# SPDX-License-Identifier: MIT",
        f"cases {len(some)} {len(steps)}",
    ]
    for index, case in some:
        lines += gradients(index, case)
    for student, teacher in steps:
        lines += transfer(student, teacher, all_cases)
    lines.append("end")
    if not check:
        text = "\n".join(lines) + "\n"
        FILE.write_text(text, encoding="ascii", newline="\n")
        print(f"{FILE.name}: {len(some)} cases, {len(steps)} transfers, {len(text)} bytes")
        return 0
    have = FILE.read_text(encoding="ascii").splitlines() if FILE.is_file() else []
    wrong = [w for h, w in zip(have, lines) if not h.startswith("#") and not same(h, w)]
    differs = len(have) != len(lines) or bool(wrong)
    print(f"{FILE.name}: {'differs: ' + (wrong or ['number of lines'])[0] if differs else 'equal'}")
    return int(differs)


def same(have, want):
    """As generate_gradients says of its lines."""
    key = want.split()[0]
    rename = {"features": "grad", "both": "grad", "of_features": "loss", "of_both": "loss"}.get(key, key)
    return generate_gradients.same(have.replace(key, rename, 1), want.replace(key, rename, 1))


if __name__ == "__main__":
    sys.exit(main())
