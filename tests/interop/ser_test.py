#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ser features, and images of them, against the tools' formulas, which tests/golden/generate_audio.py writes out in double.

    /usr/bin/python3 tests/interop/ser_test.py build/test/examples/ser
"""

import importlib.util
import json
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

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


def grey_pixels(path):
    """[rows, columns] of a PNG of 8 bits and one channel, without an interlace."""
    data, header, content = path.read_bytes(), None, b""
    at = 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        part = data[at + 8 : at + 8 + size]
        header = struct.unpack(">IIBBBBB", part) if kind == b"IHDR" else header
        content += part if kind == b"IDAT" else b""
        at += size + 12
    width, height = header[:2]
    assert header[2:] == (8, 0, 0, 0, 0), header
    rows = np.frombuffer(zlib.decompress(content), np.uint8).reshape(height, width + 1).astype(int)
    result = np.zeros((height + 1, width + 1), int)  # with what is above and to the left
    for r in range(height):
        for c in range(width):
            a, b, d = result[r + 1, c], result[r, c + 1], result[r, c]
            nearest = min((a, b, d), key=lambda v: abs(a + b - d - v))  # Paeth's
            result[r + 1, c + 1] = (rows[r, c + 1] + (0, a, b, (a + b) // 2, nearest)[rows[r, 0]]) % 256
    return result[1:, 1:]


def check_images(program, audio, waves, output, picture):
    """Sounds to images and pictures, against the generator's."""
    x = audio.made_signal(16000, 5)
    save(waves, {"input": x})
    features, count = audio.kaldi(x, 16000), 0
    for kind in ("linear", "antialiased", "area", "adaptive", "none"):
        for columns, frames, scale in ((31, 0, "min_max"), (200, 64, "range"), (20, 150, "min_max")):
            rows = 23 if kind == "none" else 16
            given = [] if kind == "none" or not frames else ["--image-frames", str(frames)]
            range_ = ["--image-low=-80", "--image-high=0"] if scale == "range" else []
            subprocess.run([program, "features", "--input", waves, "--output", output, "--preset", "kaldi",
                            "--image", f"{rows}x{columns}", "--image-resize", kind, "--image-scale", scale.replace("_", "-"),
                            "--picture", picture, "--colours", "grey", *given, *range_],
                           check=True, stdout=subprocess.DEVNULL)  # fmt: skip
            want = audio.image(features, kind, columns, rows, scale, 0 if kind == "none" else frames)
            got = load(output)["features"][0]
            assert got.shape == want.shape and np.abs(got - want).max() < 1e-8, (kind, columns, np.abs(got - want).max())
            assert (grey_pixels(picture) == np.floor(255 * got.T + 0.5)).all(), (kind, columns)
            count += 1
    return count


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
        count += check_images(program, audio, waves, output, pathlib.Path(folder) / "y.png")
    print(f"ser features: {count} cases; in double at most {worst:.1e} from the formulas")
    assert count >= 85


if __name__ == "__main__":
    main()
