#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes audio.txt next to this script, or compares it: log-mel features, and images of them, as the tools define them, in
numpy's double.

    /usr/bin/python3 tests/golden/generate_audio.py            write
    /usr/bin/python3 tests/golden/generate_audio.py --check    regenerate, compare to 1e-9, exit 1 if anything differs

Every tool stands here as its own source has it (padding by numpy.pad, frames by stride, numpy.fft, dense filter matrices),
not as a set of options. Where torch is installed, the spectrograms of the centred tools are compared with torch.stft in
double, and resized images with torch.nn.functional.interpolate; where PIL is, with its resize of floats; where OpenCV is,
with its. librosa, torchaudio, python_speech_features, kaldi-native-fbank and transformers are compared with where they can
be imported; Debian 12 has none of them, and the first line of the file says which were there. The format is in README.md.
"""

import argparse
import importlib
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
MASK = (1 << 64) - 1
TOOLS = ("torch", "PIL", "cv2", "librosa", "torchaudio", "python_speech_features", "kaldi_native_fbank", "transformers")


def installed():
    found = []
    for name in TOOLS:
        try:
            importlib.import_module(name)
            found.append(name)
        except ImportError:
            pass
    return found


FOUND = installed()


# --- The signal, from integers alone: tests/audio/audio_cases.hpp has the same. ---------------------------------------


def made_signal(size, seed):
    state, phase, values = seed, 0, []
    for i in range(size):
        phase = (phase + 200 + i // 4) % 65536
        triangle = (phase if phase < 32768 else 65535 - phase) - 16384
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        z ^= z >> 31
        noise = (z >> 52) - 2048
        part = i // 700 % 4
        # C++ rounds quotients towards zero.
        half, quarter = int(triangle / 2), int(noise / 4)
        value = (half + noise, quarter, 0, 4 * triangle)[part]
        values.append(max(-32768, min(32767, value)))
    return np.array(values, dtype=np.float64) / 32768


# --- Mels and filters, as librosa, torchaudio, Kaldi and python_speech_features write them. ----------------------------


def slaney_mel(f):
    f = np.asarray(f, dtype=np.float64)
    return np.where(f >= 1000, 15 + np.log(np.maximum(f, 1e-300) / 1000) / (np.log(6.4) / 27), f / (200 / 3))


def slaney_hz(m):
    m = np.asarray(m, dtype=np.float64)
    return np.where(m >= 15, 1000 * np.exp(np.log(6.4) / 27 * (m - 15)), m * 200 / 3)


def htk_mel(f):
    return 2595 * np.log10(1 + np.asarray(f, dtype=np.float64) / 700)


def htk_hz(m):
    return 700 * (10 ** (np.asarray(m, dtype=np.float64) / 2595) - 1)


def librosa_filters(rate, n_fft, n_mels, low=0.0, high=None, norm=True, mel=slaney_mel, hz=slaney_hz):
    """librosa.filters.mel; torchaudio.functional.melscale_fbanks with mel=htk_mel and norm=False."""
    fft = np.fft.rfftfreq(n_fft, 1 / rate)
    edges = hz(np.linspace(mel(low), mel(rate / 2 if high is None else high), n_mels + 2))
    width, ramps = np.diff(edges), np.subtract.outer(edges, fft)
    weights = np.maximum(0, np.minimum(-ramps[:-2] / width[:-1, None], ramps[2:] / width[1:, None]))
    return weights * (2 / (edges[2:] - edges[:-2]))[:, None] if norm else weights


def kaldi_filters(rate, n_fft, n_mels, low, high):
    """MelBanks::MelBanks: triangles in mel, over the bins below Nyquist's."""
    nyquist = rate / 2
    high = high if high > 0 else nyquist + high
    scale = lambda f: 1127 * np.log(1 + np.asarray(f) / 700)
    step = (scale(high) - scale(low)) / (n_mels + 1)
    weights = np.zeros((n_mels, n_fft // 2 + 1))
    for b in range(n_mels):
        left, centre, right = (scale(low) + (b + i) * step for i in range(3))
        for k in range(n_fft // 2):
            m = scale(k * rate / n_fft)
            if left < m < right:
                weights[b, k] = (m - left) / (centre - left) if m <= centre else (right - m) / (right - centre)
    return weights


def psf_filters(rate, n_fft, n_mels, low, high):
    """python_speech_features.get_filterbanks."""
    points = np.linspace(htk_mel(low), htk_mel(high), n_mels + 2)
    bin_ = np.floor((n_fft + 1) * htk_hz(points) / rate)
    weights = np.zeros((n_mels, n_fft // 2 + 1))
    for j in range(n_mels):
        for i in range(int(bin_[j]), int(bin_[j + 1])):
            weights[j, i] = (i - bin_[j]) / (bin_[j + 1] - bin_[j])
        for i in range(int(bin_[j + 1]), int(bin_[j + 2])):
            weights[j, i] = (bin_[j + 2] - i) / (bin_[j + 2] - bin_[j + 1])
    return weights


# --- Tools. x is a wave in [-1, 1). ------------------------------------------------------------------------------------


def hann(n):
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)


def stft_power(x, n_fft, hop, win_length, mode):
    """|STFT|^2, centred, [frames, bins]."""
    left = (n_fft - win_length) // 2
    window = np.zeros(n_fft)
    window[left : left + win_length] = hann(win_length)
    padded = np.pad(x, n_fft // 2, mode=mode)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop]
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    if "torch" in FOUND and (mode == "constant" or len(x) > n_fft // 2):
        import torch

        other = torch.stft(
            torch.from_numpy(x), n_fft, hop, win_length, torch.hann_window(win_length, dtype=torch.float64),
            center=True, pad_mode=mode, return_complex=True,
        ).abs().numpy().T ** 2  # fmt: skip
        assert other.shape == power.shape and np.allclose(other, power, rtol=1e-9, atol=1e-9 * power.max() + 1e-20)
    return power


def power_to_db(s, ref=1.0, amin=1e-10, top_db=80.0):
    ref = ref(s) if callable(ref) else ref
    db = 10 * np.log10(np.maximum(amin, s)) - 10 * np.log10(np.maximum(amin, ref))
    return db if top_db is None else np.maximum(db, db.max() - top_db)


def librosa(x, rate, n_fft=2048, hop=512, win_length=None, n_mels=128, mode="constant", ref=1.0, top_db=80.0):
    power = stft_power(x, n_fft, hop, win_length or n_fft, mode)
    return power_to_db(power @ librosa_filters(rate, n_fft, n_mels).T, ref, 1e-10, top_db)


def torchaudio(x, rate, n_fft=400, hop=200, win_length=None, n_mels=128, low=0.0, high=None):
    power = stft_power(x, n_fft, hop, win_length or n_fft, "reflect")
    weights = librosa_filters(rate, n_fft, n_mels, low, high, False, htk_mel, htk_hz)
    return power_to_db(power @ weights.T, 1.0, 1e-10, None)


def kaldi(x, rate, window="povey", n_mels=23, low=20.0, high=0.0, snip_edges=True, scale=32768):
    """Fbank: ExtractWindow, ProcessWindow, MelBanks::Compute; a frame at a time."""
    length, hop = int(rate * 0.001 * 25), int(rate * 0.001 * 10)
    n_fft = 1 << (length - 1).bit_length()
    wave = x * scale
    i = np.arange(length)
    shape = 0.5 - 0.5 * np.cos(2 * np.pi * i / (length - 1))
    shape = {"povey": shape**0.85, "hanning": shape, "rectangular": np.ones(length),
             "hamming": 0.54 - 0.46 * np.cos(2 * np.pi * i / (length - 1))}[window]  # fmt: skip
    if snip_edges:
        count = 0 if len(wave) < length else 1 + (len(wave) - length) // hop
    else:
        count = (len(wave) + hop // 2) // hop
    weights = kaldi_filters(rate, n_fft, n_mels, low, high)
    rows = []
    for t in range(count):
        begin = t * hop if snip_edges else t * hop + hop // 2 - length // 2
        frame = np.zeros(length)
        for s in range(length):
            at = begin + s
            while at < 0 or at >= len(wave):
                at = -at - 1 if at < 0 else 2 * len(wave) - 1 - at
            frame[s] = wave[at]
        frame -= frame.mean()
        frame = np.concatenate([[frame[0] - 0.97 * frame[0]], frame[1:] - 0.97 * frame[:-1]])
        power = np.abs(np.fft.rfft(frame * shape, n_fft)) ** 2
        rows.append(np.log(np.maximum(weights @ power, np.finfo(np.float32).eps)))
    return np.array(rows)


def whisper(x, n_mels=80):
    """WhisperFeatureExtractor: 30 s."""
    wave = np.pad(x[:480000], (0, max(0, 480000 - len(x))))
    power = stft_power(wave, 400, 160, 400, "reflect")[:-1]
    log = np.log10(np.maximum(power @ librosa_filters(16000, 400, n_mels, 0.0, 8000.0).T, 1e-10))
    return (np.maximum(log, log.max() - 8) + 4) / 4


def ast(x):
    """ASTFeatureExtractor."""
    features = kaldi(x, 16000, "hanning", 128, scale=1)[:1024]
    padded = np.concatenate([features, np.zeros((1024 - len(features), 128))])
    return (padded - -4.2677393) / (4.5689974 * 2)


def psf(x, rate, n_mels=26, n_fft=512):
    """python_speech_features.logfbank of a 16-bit file."""
    wave = x * 32768
    wave = np.append(wave[0], wave[1:] - 0.97 * wave[:-1])
    length, hop = int(0.025 * rate + 0.5), int(0.01 * rate + 0.5)
    count = 1 if len(wave) <= length else 1 + -(-(len(wave) - length) // hop)
    padded = np.concatenate([wave, np.zeros((count - 1) * hop + length - len(wave))])
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[::hop][:count]
    power = 1.0 / n_fft * np.square(np.abs(np.fft.rfft(frames, n_fft)))
    energy = np.dot(power, psf_filters(rate, n_fft, n_mels, 0, rate / 2).T)
    return np.log(np.where(energy == 0, np.finfo(float).eps, energy))


def htk_delta(x):
    """python_speech_features.delta(x, 2); torchaudio.functional.compute_deltas."""
    padded = np.pad(x, ((2, 2), (0, 0)), mode="edge")
    return sum(n * padded[2 + n : 2 + n + len(x)] for n in range(-2, 3)) / 10


def librosa_delta(x, order):
    """librosa.feature.delta: a polynomial of this order through nine frames, its derivative of this order; the ends from
    the outermost polynomials."""
    n = np.arange(-4, 5)
    result = np.empty_like(x)
    for t in range(len(x)):
        middle = min(max(t, 4), len(x) - 5)
        fit = np.polynomial.polynomial.polyfit(n, x[middle - 4 : middle + 5], order)
        result[t] = fit[order] * (1 if order == 1 else 2)
    return result


# --- Resizing one axis, as the tools' sources have it: a matrix [to, from]. ----------------------------------------------


def linear_matrix(size, to):
    """torch's upsample_bilinear2d (area_pixel_compute_source_index) without align_corners; OpenCV's resizeGeneric."""
    m = np.zeros((to, size))
    for j in range(to):
        place = max(0.0, size / to * (j + 0.5) - 0.5)
        first = min(int(place), size - 1)
        second = first + (1 if first < size - 1 else 0)
        part = place - first if second > first else 0.0
        m[j, first] += 1 - part
        m[j, second] += part
    return m


def antialiased_matrix(size, to):
    """PIL's precompute_coeffs with its bilinear filter; torch's _upsample_bilinear2d_aa has the same."""
    m = np.zeros((to, size))
    scale = size / to
    support = max(scale, 1.0)
    for j in range(to):
        centre = (j + 0.5) * scale
        first, last = max(0, int(centre - support + 0.5)), min(size, int(centre + support + 0.5))
        weights = [max(0.0, 1 - abs((i - centre + 0.5) / support)) for i in range(first, last)]
        m[j, first:last] = np.array(weights) / sum(weights)
    return m


def area_matrix(size, to):
    """OpenCV's computeResizeAreaTab, which is for shrinking; for enlarging the same areas."""
    m = np.zeros((to, size))
    scale = size / to
    for j in range(to):
        begin, end = j * scale, min((j + 1) * scale, size)
        first, last = int(np.ceil(begin - 1e-9)), int(np.floor(end + 1e-9))
        if first > last:  # inside one input
            m[j, last] = end - begin
        else:
            if first - begin > 1e-9:
                m[j, first - 1] = first - begin
            m[j, first:last] = 1
            if end - last > 1e-9:
                m[j, last] = end - last
        m[j] /= end - begin
    return m


def adaptive_matrix(size, to):
    """torch's adaptive_avg_pool2d: start_index and end_index."""
    m = np.zeros((to, size))
    for j in range(to):
        first, last = j * size // to, -(-(j + 1) * size // to)
        m[j, first:last] = 1 / (last - first)
    return m


RESIZES = {"linear": linear_matrix, "antialiased": antialiased_matrix, "area": area_matrix, "adaptive": adaptive_matrix}


def image(x, resize, columns, rows, scale, frames):
    """[columns, rows] of features [T, bands]: the picture of the vertical-patch ViT, low bands at the bottom."""
    cut = columns if resize == "none" else frames  # what is cut off is not seen
    x = x[:cut] if cut else x
    scaled = (x - x.min()) / (x.max() - x.min()) if scale == "min_max" else x if scale == "none" else np.clip(
        (x + 80) / 80, 0, 1)  # fmt: skip
    if frames:
        scaled = np.pad(scaled, ((0, frames - len(scaled)), (0, 0)))
    picture = np.flipud(scaled.T)  # [bands, frames]
    if resize == "none":
        return np.pad(picture, ((0, 0), (0, columns - picture.shape[1]))).T
    matrix = RESIZES[resize]
    made = matrix(picture.shape[0], rows) @ picture @ matrix(picture.shape[1], columns).T
    compare_resized(picture, made, resize)
    return made.T


def compare_resized(picture, made, resize):
    """The tools themselves, in double, or PIL in the single precision that it has for images of floats."""
    if "torch" in FOUND:
        import torch
        from torch.nn.functional import interpolate

        words = {"linear": dict(mode="bilinear"), "antialiased": dict(mode="bilinear", antialias=True),
                 "adaptive": dict(mode="area")}.get(resize)  # fmt: skip
        if words:
            other = interpolate(torch.from_numpy(picture.copy())[None, None], made.shape, **words)[0, 0].numpy()
            assert np.abs(other - made).max() < 1e-10 * np.abs(picture).max(), resize
    if "PIL" in FOUND:
        from PIL import Image

        # Its box filter has whole inputs alone, which are the areas where sizes divide.
        whole = all(a % b == 0 for a, b in zip(picture.shape, made.shape))
        kind = {"antialiased": Image.BILINEAR, "area": Image.BOX if whole else None}.get(resize)
        if kind is not None:
            other = np.asarray(Image.fromarray(picture.astype(np.float32)).resize(made.shape[::-1], kind))
            assert np.abs(other - made).max() < 1e-6 * np.abs(picture).max(), resize
    if "cv2" in FOUND:
        import cv2

        shrinks = all(a >= b for a, b in zip(picture.shape, made.shape))
        kind = {"linear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA if shrinks else None}.get(resize)
        if kind is not None:
            other = cv2.resize(picture, made.shape[::-1], interpolation=kind)
            assert np.abs(other - made).max() < 1e-6 * np.abs(picture).max(), resize


# Features [T, bands] are 60 x - 40 of a signal; columns, rows, scale, frames.
IMAGES = [
    (resize, *sizes)
    for resize in RESIZES
    for sizes in [(29, 6, 11, 6, "min_max", 0), (10, 4, 23, 5, "range", 0), (24, 6, 8, 3, "none", 0), (21, 5, 8, 4, "min_max", 32),
                  (21, 5, 16, 5, "range", 13)]
] + [("none", 17, 5, 11, 5, "min_max", 0), ("none", 17, 5, 23, 5, "range", 0)]  # fmt: skip


# --- Cases: the options that the test sets on a preset, the signal, and the tool's answer. ------------------------------

CASES = [
    ("librosa 16000", [], 5000, lambda x: librosa(x, 16000)),
    ("librosa 22050", ["bands 40"], 7000, lambda x: librosa(x, 22050, n_mels=40)),
    ("librosa 16000", ["n_fft 512", "win_length 400", "hop 160", "bands 64", "reference max"], 3700,
     lambda x: librosa(x, 16000, 512, 160, 400, 64, ref=np.max)),
    ("librosa 16000", ["centre reflect", "bands 30"], 4096, lambda x: librosa(x, 16000, n_mels=30, mode="reflect")),
    ("librosa 16000", ["n_fft 401", "win_length 401", "hop 100", "bands 20", "top_db inf"], 1000,
     lambda x: librosa(x, 16000, 401, 100, None, 20, top_db=None)),
    ("librosa 16000", ["bands 20"], 3, lambda x: librosa(x, 16000, n_mels=20)),
    ("torchaudio 16000", [], 3000, lambda x: torchaudio(x, 16000)),
    ("torchaudio 8000", ["bands 40", "low 50", "high 3800", "n_fft 256", "win_length 200", "hop 80"], 2000,
     lambda x: torchaudio(x, 8000, 256, 80, 200, 40, 50.0, 3800.0)),
    ("kaldi 16000", [], 3500, lambda x: kaldi(x, 16000)),
    ("kaldi 16000", ["bands 80", "window hamming_symmetric", "low 64", "high -400"], 3500,
     lambda x: kaldi(x, 16000, "hamming", 80, 64.0, -400.0)),
    ("kaldi 8000", ["edges mirror", "bands 40"], 1234, lambda x: kaldi(x, 8000, n_mels=40, snip_edges=False)),
    ("kaldi 16000", ["edges mirror", "scale 1"], 90, lambda x: kaldi(x, 16000, snip_edges=False, scale=1)),
    ("kaldi 22050", ["window rectangular"], 1500, lambda x: kaldi(x, 22050, "rectangular")),
    ("whisper 16000", [], 8000, whisper),
    ("whisper 16000", ["bands 128"], 3000, lambda x: whisper(x, 128)),
    ("ast 16000", [], 6000, ast),
    ("psf 16000", [], 4000, lambda x: psf(x, 16000)),
    ("psf 16000", ["bands 40"], 399, lambda x: psf(x, 16000, 40)),
    ("psf 8000", [], 2201, lambda x: psf(x, 8000)),
]  # fmt: skip


def compare_with_tools():
    """The real functions, in their float32, where they are installed: to the tolerances that the tools keep."""
    x = made_signal(16000, 1)
    if "librosa" in FOUND:
        import librosa as real

        mel = real.feature.melspectrogram(y=x, sr=16000)
        assert np.abs(real.power_to_db(mel).T - librosa(x, 16000)).max() < 1e-4
        assert np.abs(real.feature.delta(mel) - librosa_delta(mel.T, 1).T).max() < 1e-6 * mel.max()
    if "torchaudio" in FOUND:
        import torch
        import torchaudio as real

        wave = torch.from_numpy(x).float()
        mel = real.transforms.AmplitudeToDB()(real.transforms.MelSpectrogram(16000)(wave)).numpy().T
        assert np.abs(mel - torchaudio(x, 16000)).max() < 0.2
        fbank = real.compliance.kaldi.fbank(wave[None] * 32768).numpy()
        assert np.abs(fbank - kaldi(x, 16000)).max() < 0.9
    if "python_speech_features" in FOUND:
        import python_speech_features as real

        assert np.abs(real.logfbank(x * 32768) - psf(x, 16000)).max() < 1e-5
    if "transformers" in FOUND:
        import transformers as real

        y = real.WhisperFeatureExtractor()(x, sampling_rate=16000).input_features[0].T
        assert np.abs(y - whisper(x)).max() < 1e-4


def text_of():
    lines = [f"# Generated by tests/golden/generate_audio.py, numpy {np.__version__}; compared with: {' '.join(FOUND) or 'nothing'}",
             "# SPDX-License-Identifier: MIT", f"cases {len(CASES) + 3 + len(IMAGES)}"]  # fmt: skip
    words = lambda values: " ".join(f"{v:.12g}" for v in values)
    for index, (preset, changes, samples, tool) in enumerate(CASES):
        y = tool(made_signal(samples, 100 + index))
        # A few frames in full; of all of them the sum for each frame's number modulo 7, which notices two that are exchanged.
        chosen = sorted({t for t in (0, 1, 2, 7, len(y) // 2, len(y) - 2, len(y) - 1) if 0 <= t < len(y)})
        lines += [f"case {index}", f"preset {preset}", f"options {len(changes)}", *(f"set {c}" for c in changes)]
        lines += [f"signal {samples} {100 + index}", f"features {len(y)} {y.shape[1]}"]
        lines += [f"sums {words([y[i::7].sum() for i in range(7)])}", f"frames {len(chosen)}"]
        lines += [f"row {t} {words(y[t])}" for t in chosen]
    x = made_signal(60, 99).reshape(15, 4)
    for index, (name, y) in enumerate(
        [("htk", htk_delta(x)), ("librosa", librosa_delta(x, 1)), ("librosa_second", librosa_delta(x, 2))]
    ):
        lines += [f"case {len(CASES) + index}", f"deltas {name}", "signal 60 99", f"values {words(y.ravel())}"]
    for index, (resize, frames, bands, columns, rows, scale, cut) in enumerate(IMAGES):
        y = image(60 * made_signal(frames * bands, 200 + index).reshape(frames, bands) - 40, resize, columns, rows, scale, cut)
        lines += [f"case {len(CASES) + 3 + index}", f"image {resize} {scale} {cut}"]
        lines += [f"signal {frames} {bands} {200 + index}", f"size {columns} {rows}"]
        lines += [f"column {w} {words(y[w])}" for w in range(columns)]
    return "\n".join(lines + ["end", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    compare_with_tools()
    path, text = HERE / "audio.txt", text_of()
    if not check:
        path.write_text(text)
        print(f"{path.name}: {len(CASES) + 3 + len(IMAGES)} cases, {len(text)} bytes; compared with: {' '.join(FOUND) or 'nothing'}")
        return 0
    old, new = path.read_text().splitlines()[1:], text.splitlines()[1:]
    same = len(old) == len(new)
    for a, b in zip(old, new):
        a, b = a.split(), b.split()
        if a == b:
            continue
        try:
            same = same and len(a) == len(b) and a[0] == b[0] and np.allclose(
                [float(v) for v in a[1:]], [float(v) for v in b[1:]], rtol=1e-9, atol=1e-9)  # fmt: skip
        except ValueError:
            same = False
    print(f"{path.name}: {'as generated' if same else 'DIFFERS from what is generated'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
