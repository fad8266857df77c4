#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ser features against the tools' formulas, which tests/golden/generate_audio.py writes out in double.

    /usr/bin/python3 tests/interop/ser_test.py build/test/examples/ser
"""

import importlib.util
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
KINDS = {"F32": np.float32, "F64": np.float64, "I64": np.int64}


def load_module(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def save(path, tensors):
    header, data = {}, b""
    for name, array in tensors.items():
        kind = next(k for k, t in KINDS.items() if array.dtype == t)
        header[name] = dict(dtype=kind, shape=list(array.shape), data_offsets=[len(data), len(data) + array.nbytes])
        data += np.ascontiguousarray(array).tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def load(path):
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    result = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        result[name] = np.frombuffer(content[8 + size + begin : 8 + size + end], KINDS[entry["dtype"]]).reshape(entry["shape"])
    return result


def words(preset, changes):
    """The case of the generator as options."""
    name, rate = preset.split()
    result = ["--preset", name, "--rate", rate]
    for change in changes:
        key, value = change.split()
        value = {"inf": "none"}.get(value, value.replace("_", "-"))
        if (key, value) == ("edges", "mirror"):
            key, value = "snip-edges", "no"
        result += [f"--{key.replace('_', '-')}={value}"]  # --high=-400
    return result


def main():
    sys.dont_write_bytecode = True
    program = pathlib.Path(sys.argv[1]).resolve()
    audio = load_module(HERE.parent / "golden" / "generate_audio.py")
    count, worst = 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        waves, output = pathlib.Path(folder) / "waves.safetensors", pathlib.Path(folder) / "y.safetensors"
        for preset, changes, samples, tool in audio.CASES:
            x = audio.made_signal(samples, 7)
            short = x[: samples // 2]
            batch = np.zeros((2, samples))
            batch[0], batch[1] = x, 1  # what lies behind the length counts for nothing
            batch[1, : len(short)] = short
            lengths = np.array([samples, len(short)])
            for kind, tolerance in ((np.float64, 1e-8), (np.float32, 2e-4)):
                save(waves, {"input": batch.astype(kind), "lengths": lengths})
                subprocess.run([program, "features", "--input", waves, "--lengths", "lengths", "--output", output,
                                *words(preset, changes)], check=True, stdout=subprocess.DEVNULL)  # fmt: skip
                found = load(output)
                for n, wave in enumerate((x, short)):
                    want = tool(wave.astype(kind).astype(np.float64)) if len(wave) else None
                    got = found["features"][n, : found["lengths"][n]]
                    assert found["features"].dtype == kind
                    if want is None or not len(want):
                        assert not len(got), (preset, changes, n)
                        continue
                    assert got.shape == want.shape, (preset, changes, n, got.shape, want.shape)
                    error = np.abs(got - want).max()
                    assert error < tolerance, (preset, changes, n, kind, error)
                    assert not found["features"][n, found["lengths"][n] :].any()
                    if kind is np.float64:
                        worst = max(worst, error)
                    count += 1
        x = audio.made_signal(4000, 3)
        save(waves, {"input": x})
        for kind, first, second in (("htk", audio.htk_delta, lambda y: audio.htk_delta(audio.htk_delta(y))),
                                    ("librosa", lambda y: audio.librosa_delta(y, 1), lambda y: audio.librosa_delta(y, 2))):  # fmt: skip
            subprocess.run([program, "features", "--input", waves, "--output", output, "--preset", "kaldi", "--deltas", kind],
                           check=True, stdout=subprocess.DEVNULL)  # fmt: skip
            y = audio.kaldi(x, 16000)
            want = np.concatenate([y, first(y), second(y)], axis=1)
            assert np.abs(load(output)["features"][0] - want).max() < 1e-8, kind
            count += 1
    print(f"ser features: {count} cases; in double at most {worst:.1e} from the formulas")
    assert count >= 70


if __name__ == "__main__":
    main()
