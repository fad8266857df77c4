#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ser encode and ser classify beside the PyTorch modules of tests/golden: checkpoints with the names of all three families
and the three spellings of weight norm, config.json, masks, normalisation; the heads that people train.

    /usr/bin/python3 tests/interop/ser_encode_test.py build/test/examples/ser
"""

import json
import os
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
import ser_models_test  # noqa: E402
import speech  # noqa: E402

SMALL = dict(channels=(8,) * 7, width=24, layers=2, heads=4, hidden=40, taps=16, groups=2)


def config(sizes, kind):
    """As transformers saves it."""
    return {
        "architectures": ["Wav2Vec2Model"], "model_type": kind, "hidden_size": sizes.width,
        "num_hidden_layers": sizes.layers, "num_attention_heads": sizes.heads, "intermediate_size": sizes.hidden,
        "conv_dim": sizes.channels, "conv_kernel": sizes.kernels, "conv_stride": sizes.strides, "conv_bias": sizes.bias,
        "feat_extract_norm": sizes.norm, "do_stable_layer_norm": sizes.first, "layer_norm_eps": sizes.eps,
        "num_conv_pos_embeddings": sizes.taps, "num_conv_pos_embedding_groups": sizes.groups, "hidden_act": "gelu",
        "num_buckets": sizes.buckets or 320, "max_bucket_distance": sizes.distance,
    }  # fmt: skip


def renamed(tensors, family):
    """The same checkpoint as torchaudio or fairseq would have it."""
    result = {}
    for name, value in tensors.items():
        if family == "torchaudio":
            name = name.replace("feature_projection.", "encoder.feature_projection.")
            for part in ("pos_conv_embed", "layer_norm.", "layers."):
                if name.startswith("encoder." + part):
                    name = name.replace("encoder.", "encoder.transformer.", 1)
            name = "pretrain." + name
        elif family == "fairseq":
            for index in range(7):
                layer = f"feature_extractor.conv_layers.{index}."
                every = layer + "layer_norm" in "".join(tensors) and index > 0
                norm = "2.1" if every or "feature_extractor.conv_layers.1.layer_norm.weight" in tensors else "2"
                name = name.replace(layer + "conv.", layer + "0.").replace(layer + "layer_norm.", f"{layer}{norm}.")
            for ours, theirs in (("feature_projection.layer_norm", "layer_norm"),
                                 ("feature_projection.projection", "post_extract_proj"),
                                 ("encoder.pos_conv_embed.conv", "encoder.pos_conv.0"),
                                 (".attention.gru_rel_pos_linear", ".self_attn.grep_linear"),
                                 (".attention.gru_rel_pos_const", ".self_attn.grep_a"),
                                 (".attention.rel_attn_embed", ".self_attn.relative_attention_bias"),
                                 (".attention.", ".self_attn."), (".feed_forward.intermediate_dense", ".fc1"),
                                 (".feed_forward.output_dense", ".fc2")):  # fmt: skip
                name = name.replace(ours, theirs)
            if ".layers." in name and "final" not in name:
                name = name.replace(".layer_norm.", ".self_attn_layer_norm.")
        result[name] = value
    return result


def spelt(tensors, spelling):
    """The weight norm of the positional convolution as torch 2.1 and later write it, or folded."""
    old = "encoder.pos_conv_embed.conv.weight"
    result = {name: value for name, value in tensors.items() if not name.startswith(old)}
    g, v = tensors[old + "_g"], tensors[old + "_v"]
    if spelling == "new":
        result["encoder.pos_conv_embed.conv.parametrizations.weight.original0"] = g
        result["encoder.pos_conv_embed.conv.parametrizations.weight.original1"] = v
    elif spelling == "folded":
        result[old] = g * v / np.sqrt((v**2).sum(axis=(0, 1), keepdims=True))
    else:
        return tensors
    return result


class Checks:
    def __init__(self, program, folder):
        self.program, self.folder, self.count, self.worst = program, pathlib.Path(folder), 0, 0.0

    def file(self, name):
        return self.folder / name

    def run(self, x, lengths, *options):
        """What ser encode writes for waves x."""
        tensors = {"waveform": x} if lengths is None else {"waveform": x, "lengths": np.array(lengths)}
        save(self.file("waves.safetensors"), tensors)
        options = list(options) + ([] if lengths is None else ["--lengths", "lengths"])
        subprocess.run([self.program, "encode", "--weights", self.file("model.safetensors"), "--input",
                        self.file("waves.safetensors"), "--output", self.file("y.safetensors"), *options],
                       check=True, stdout=subprocess.DEVNULL)  # fmt: skip
        return load(self.file("y.safetensors"))

    def compare(self, found, want, tolerance, what):
        error = np.linalg.norm(found - want) / np.linalg.norm(want)
        assert found.shape == want.shape and error <= tolerance, (what, found.shape, want.shape, error)
        self.worst = max(self.worst, error)
        self.count += 1


def check(checks, sizes, kind, family, spelling):
    model = speech.fill(speech.SpeechEncoder(sizes), 11)
    tensors = {name: value.numpy().astype(np.float32) for name, value in model.named_parameters()}
    tensors = renamed(spelt(tensors, spelling), family)
    save(checks.file("model.safetensors"), tensors)
    checks.file("config.json").write_text(json.dumps(config(sizes, kind)))
    what = (kind, family, spelling, sizes.norm)
    random = np.random.default_rng(5)
    lengths = [9000, 400, 3210]
    x = random.uniform(-0.3, 0.3, (3, 9000)).astype(np.float32)
    for row, length in zip(x, lengths):
        row[length:] = 0
    wave = torch.from_numpy(x).double()
    for double in (False, True):
        y, tolerance = x.astype(np.float64 if double else np.float32), 1e-7 if double else 1e-5
        want = torch.stack(model(wave)).numpy()
        found = checks.run(y, None)
        checks.compare(found["hidden_states"], want, tolerance, what)
        checks.compare(found["last_hidden_state"], want[-1], tolerance, what)
        assert found["frames"].tolist() == [sizes.frames(9000)] * 3, what
        checks.compare(checks.run(y, lengths, "--as-released", "--mask", "off")["hidden_states"], want, tolerance, what)
        for rule in ("conv", "reshape"):
            want = torch.stack(model(wave, lengths, rule)).numpy()
            found = checks.run(y, lengths, "--as-released", "--mask", "on", "--frames", rule)
            checks.compare(found["hidden_states"], want, tolerance, what)
            assert found["frames"].tolist() == [sizes.valid(n, 9000, rule) for n in lengths], what
        # Alone, and one state.
        found = checks.run(y, lengths)["hidden_states"]
        one = checks.run(y, lengths, "--states", "1")["hidden_states"]
        assert np.array_equal(one[0], found[1])
        for n, length in enumerate(lengths):
            want = torch.stack(model(wave[n : n + 1, :length])).numpy()
            checks.compare(found[:, n : n + 1, : want.shape[2]], want, tolerance, what)
            assert not found[:, n, want.shape[2] :].any()
        # Normalised by the utterance, as transformers does; and by the batch, as torchaudio does.
        flat = torch.cat([(wave[0] - wave[0].mean()) / torch.sqrt(wave[0].var(unbiased=False) + 1e-7)])[None]
        want = torch.stack(model(flat)).numpy()
        checks.compare(checks.run(y, lengths, "--normalize", "utterance")["hidden_states"][:, :1], want, tolerance, what)
        flat = torch.nn.functional.layer_norm(wave, wave.shape)
        want = torch.stack(model(flat)).numpy()
        checks.compare(checks.run(y, None, "--normalize", "batch")["hidden_states"], want, tolerance, what)


def classified(checks, x, lengths, *options):
    save(checks.file("waves.safetensors"), {"waveform": x, "lengths": np.array(lengths)})
    subprocess.run([checks.program, "classify", "--weights", checks.file("model.safetensors"), "--input",
                    checks.file("waves.safetensors"), "--lengths", "--output", checks.file("y.safetensors"), *options],
                   check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    return load(checks.file("y.safetensors"))


def check_heads(checks):
    """transformers' head with and without the sum of all layers, audeering's, and ShiftSER's model, behind an encoder."""
    sizes = speech.Sizes(**SMALL)
    encoder = speech.fill(speech.SpeechEncoder(sizes), 4)
    tensors = {name: value.numpy().astype(np.float32) for name, value in encoder.named_parameters()}
    lengths, random = [8000, 2500], np.random.default_rng(8)
    x = random.uniform(-0.3, 0.3, (2, 8000)).astype(np.float32)
    x[1, 2500:] = 0
    wave = torch.from_numpy(x).double()
    alone = [torch.stack(encoder(wave[n : n + 1, :length]))[:, 0] for n, length in enumerate(lengths)]
    masked = torch.stack(encoder(wave, lengths, "conv"))
    masked = [masked[:, n, : sizes.frames(length)] for n, length in enumerate(lengths)]

    def linear(name, outputs, inputs, to):
        weight, bias = random.normal(0, 0.3, (outputs, inputs)), random.normal(0, 0.3, outputs)
        to[name + ".weight"], to[name + ".bias"] = weight.astype(np.float32), bias.astype(np.float32)
        return lambda v: v @ torch.from_numpy(to[name + ".weight"]).double().T + torch.from_numpy(to[name + ".bias"]).double()

    def compare(head, states, found, softmax, what):
        want = torch.stack([head(each) for each in states]).numpy()
        checks.compare(found["y"], want, 1e-5, what)
        assert ("probabilities" in found) == softmax
        if softmax:
            want = np.exp(want) / np.exp(want).sum(axis=1, keepdims=True)
            checks.compare(found["probabilities"], want, 1e-5, what)

    def both_ways(all_tensors, head, softmax, what, prefix="", **more):
        save(checks.file("model.safetensors"), {**{prefix + name: value for name, value in tensors.items()}, **all_tensors})
        checks.file("config.json").write_text(json.dumps({**config(sizes, "hubert"), **more}))
        compare(head, alone, classified(checks, x, lengths), softmax, what)
        compare(head, masked, classified(checks, x, lengths, "--mask", "on"), softmax, what)

    for summed in (False, True):
        parts = {}
        project, classify = linear("projector", 10, 24, parts), linear("classifier", 4, 10, parts)
        weights = torch.zeros(3).double()
        weights[2] = 1e9
        if summed:
            parts["layer_weights"] = random.normal(0, 1, 3).astype(np.float32)
            weights = torch.from_numpy(parts["layer_weights"]).double()
        weights = torch.softmax(weights, dim=0)

        def head(states):
            return classify(project(torch.einsum("k,ktd->td", weights, states)).mean(dim=0))

        both_ways(parts, head, True, ("sequence", summed), "hubert.", use_weighted_layer_sum=summed)
    parts = {}
    dense, out = linear("classifier.dense", 24, 24, parts), linear("classifier.out_proj", 3, 24, parts)
    both_ways(parts, lambda states: out(torch.tanh(dense(states[-1].mean(dim=0)))), False, "regression", "wav2vec2.")
    # ShiftSER: one file, `pretrain.` and `model.`.
    shift = models.Shift(16, "delay", 1, "skip")
    cnn = models.fill(models.build("cnn", 24, 0, 4, "none", shift), 6).double().eval()
    tensors = renamed(tensors, "torchaudio")
    parts = {"model." + name: value.detach().numpy().astype(np.float32) for name, value in cnn.named_parameters()}
    save(checks.file("model.safetensors"), {**tensors, **parts})
    checks.file("config.json").write_text(json.dumps(config(sizes, "hubert")))
    compare(lambda states: cnn(states[-1][None])[0], alone, classified(checks, x, lengths), True, "ShiftSER")


# Where Python has no transformers: what dump.py takes from it, round the module of these tests.
STAND_IN = """
import json, pathlib, sys, types
import speech
class Config:
    architectures = ["HubertModel"]
    @classmethod
    def from_pretrained(cls, name):
        config = cls()
        config.folder = pathlib.Path(name)
        return config
    def to_json_file(self, path):
        pathlib.Path(path).write_text((self.folder / "config.json").read_text())
class Extractor:
    @classmethod
    def from_pretrained(cls, name):
        return cls()
    def save_pretrained(self, folder):
        pathlib.Path(folder, "preprocessor_config.json").write_text(json.dumps({"do_normalize": True}))
class Model:
    @classmethod
    def from_pretrained(cls, name):
        made = cls()
        made.net = speech.fill(speech.SpeechEncoder(speech.Sizes(**json.loads(pathlib.Path(name, "sizes.json").read_text()))), 3)
        made.net.float()
        return made
    def eval(self):
        return self
    def state_dict(self):
        return self.net.state_dict()
    def __call__(self, waveform, output_hidden_states):
        return types.SimpleNamespace(hidden_states=tuple(self.net(waveform)))
AutoConfig, AutoFeatureExtractor, AutoModel, AutoModelForAudioClassification = Config, Extractor, Model, None
"""


def check_dump(checks):
    """dump.py, and --check with what it wrote; with a changed state it says no."""
    script = HERE.parent.parent / "examples" / "ser" / "dump.py"
    stand_ins, work = checks.file("stand_ins"), checks.file("work")
    for folder in (stand_ins / "safetensors", work):
        folder.mkdir(parents=True)
    (stand_ins / "transformers.py").write_text(STAND_IN)
    (stand_ins / "safetensors" / "__init__.py").write_text("")
    (stand_ins / "safetensors" / "torch.py").write_text(ser_models_test.STAND_IN)
    checks.file("config.json").write_text(json.dumps(config(speech.Sizes(**SMALL), "hubert")))
    checks.file("sizes.json").write_text(json.dumps(SMALL))
    paths = os.pathsep.join([str(stand_ins), str(HERE.parent / "golden")])
    subprocess.run([sys.executable, script, checks.folder], cwd=work, check=True, env={**os.environ, "PYTHONPATH": paths})
    command = [checks.program, "encode", "--weights", "model.safetensors", "--check", "dump.safetensors"]
    said = subprocess.run(command, cwd=work, check=True, capture_output=True, text=True).stdout
    assert said.count("state") == 4 and "the states agree" in said, said
    dump = load(work / "dump.safetensors")
    changed = dump["hidden_states"].copy()
    changed[1] *= 1.001
    save(work / "dump.safetensors", {**dump, "hidden_states": changed})
    said = subprocess.run(command, cwd=work, capture_output=True, text=True)
    assert said.returncode == 1 and "must be within 1e-04" in said.stderr, said
    lines = script.read_text().split("# [readme]")[1].split("# [/readme]")[0].strip().splitlines()
    assert len(lines) <= 25, len(lines)
    checks.count += 2


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        checks = Checks(program, folder)
        base, large = speech.Sizes(**SMALL), speech.Sizes(**SMALL, norm="layer", bias=True, first=True)
        wavlm = speech.Sizes(**SMALL, buckets=320)
        check(checks, base, "hubert", "transformers", "old")
        check(checks, base, "wav2vec2", "torchaudio", "old")
        check(checks, large, "wav2vec2", "transformers", "new")
        check(checks, large, "hubert", "fairseq", "old")
        check(checks, wavlm, "wavlm", "transformers", "folded")
        check(checks, base, "wav2vec2", "fairseq", "old")
        check_heads(checks)
        check_dump(checks)
    print(f"ser encode and classify: {checks.count} cases, at most {checks.worst:.1e} from PyTorch")
    assert checks.count >= 130


if __name__ == "__main__":
    main()
