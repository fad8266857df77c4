#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ShiftSER's models, with --blocks the blocks they are made of, with --speech wav2vec 2.0, HuBERT and WavLM, or with --images
the CRNN and vertical-patch ViTs, in tshift, PyTorch and ONNX Runtime, side by side on one thread, or on several.

Run by hand, with a Python that has torch (Debian: /usr/bin/python3 with python3-torch and libopenblas0), node and npm:

    /usr/bin/python3 benchmarks/peers/models.py --ort-dir FOLDER      FOLDER keeps onnxruntime-node for the next time

Each side is a process of its own, all on the same core. First the results of all sides must agree with the model in
double precision; then the sides take turns, round after round. The models are those of tests/golden/models.py, the encoders those of
speech.py there, models of images those of neighbours.py there, the blocks those of blocks.py, weights and input come from a seed, and ONNX Runtime gets what torch.onnx.export makes of the same modules.

  ratio   tshift over the faster of the other two: median over the rounds, with 10% and 90% quantiles
  floor   what the arithmetic must take, where there are matrix products: the FLOPs of all matrix products over the best rate that any side reached on
          the product [T, D] x [D, 4 D], measured before each row, so far in this run. The recurrent products of an
          LSTM must also read their weights once per step and direction, at the best rate so far; the longer counts
  target  of the project, at [1,374,768], for 7.5 s of sound by a base encoder, and for images; on one thread
  speedup with --threads: tshift's time on one thread over that on all of them, in the same round

The exit status tells whether all results were right, never whether they were fast.

Lines between this script and a side, for whoever adds one. A side first writes `ready WHAT IT IS`, then answers every
line by one line: the answer below, or `error SENTENCE`.

    load KIND POSITION D LENGTH K N_DIV DIRECTION STRIDE PLACEMENT N T SEED FOLDER      ok
        The words are those of tests/golden/models.txt (README.md there), or KIND is one of blocks.py, or speech.base, speech.wavlm or
        speech.large: then x is [N, T, 1], samples; or image.crnn, image.chen, image.student or image.teacher: x is [N, T, 40 * 3] or
        [N, W, H]; or train.cnn and so on, of training.py. FOLDER goes to the end of the line. It holds
        x.f32, the input [N, T, D] as little-endian float32, and model.onnx; sgemm.onnx and read.onnx are the product
        with a matrix [D, 4 D], for x of [1, T, D] and of [1, 1, D]. Weights, and x as well, can be made from names and
        SEED: tests/support/seeded.hpp.
    logits                   logits VALUE...          all values of y of one forward, 9 digits or more
    run UNTIMED TIMED        run MILLISECONDS         of one forward: the mean of TIMED in a row, after UNTIMED others; of what
                                                      is trained, of one step, and the first of all is that of seeded values
    floor                    floor GFLOP/S GB/S       the side's best rates now, of the product [T, D] x [D, 4 D] (of [374, 768] where D < 192), and
                                                      of reading 16 D^2 bytes, the recurrent weights of one direction,
                                                      again and again; D and T of what is loaded
    gradients FILE           gradients LOSS NORM LOSS SAVED      only of what is trained: the loss of seeded values, the norm of all
                                                      gradients, the loss after a step, and how many numbers are kept between the
                                                      passes, 0 where nobody knows; the gradients go to FILE, as safetensors
    weights bf16             ok                       to tshift and torch: what is loaded next has bf16 in place of float
    threads N                ok                       only to tshift: the next forwards run on so many threads
    quit                     nothing: ends, as it does at the end of its input

The side of tshift is models_worker.cpp, compiled by this script.
"""

import argparse
import contextlib
import importlib.util
import math
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

# Before numpy and torch are loaded: BLAS and OpenMP read these once. A side gets its number from its parent.
THREADS = int(os.environ.get("TSHIFT_PEER_THREADS", "1"))
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(THREADS)

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent.parent / "tests" / "golden" / "models.py"
PRODUCT = (374, 768)  # the rows and features of the product whose rate is the floor of encoders and models of images
ORT_VERSION = "1.30.0"
SHAPES = [(1, 374, 768), (8, 374, 768), (1, 64, 256)]
CLASSES = 4
SEED = 2023
TOLERANCE = {"tshift": 1e-5, "torch": 1e-4, "ort": 1e-4}  # relative L2 to double precision
BF16_TOLERANCE = {"tshift": 0.03, "torch": 0.1, "ort": 0.1}  # of weights of 8 binary digits, and of torch's activations
PEERS = ["tshift", "torch", "ort"]
LEAST_MS = 20.0  # a round of anything shorter repeats it


def import_torch():
    """torch, and the modules of tests/golden/models.py."""
    sys.dont_write_bytecode = True  # no __pycache__ in the source tree
    try:
        import torch
    except ImportError:
        sys.exit("models: this Python has no torch; Debian has it as python3-torch, for /usr/bin/python3")
    torch.set_num_threads(THREADS)
    return torch, module_of(GOLDEN)


def module_of(path):
    spec = importlib.util.spec_from_file_location("peer_" + path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Row:
    """A model or a block at a shape."""

    def __init__(self, name, kind, position, shift, target=None):
        self.name, self.kind, self.position, self.shift = name, kind, position, shift
        self.target_of_first_shape = target
        self.shape = SHAPES[0]

    @property
    def speech(self):
        return self.kind.startswith("speech.")

    @property
    def image(self):
        return self.kind.startswith("image.")

    def at(self, shape):
        row = Row(self.name, self.kind, self.position, self.shift, self.target_of_first_shape)
        n, t, d = shape
        # 12 heads must divide the features: the nearest number that they do.
        heads = self.kind in ("transformer", "block.self_attention")
        row.shape = (n, t, round(d / 12) * 12) if heads else shape
        return row

    @property
    def target(self):
        judged = self.image or self.shape in (SHAPES[0], (1, 120000, 1))
        return self.target_of_first_shape if judged else None

    @property
    def length(self):
        """The tables of positions are as long as the input: nobody carries rows that nobody reads."""
        return 0 if self.position in ("none", "absolute") else self.shape[1]

    def words(self, family=""):
        """What follows `load`, without the folder. family: what stands before the kind."""
        n, t, d = self.shape
        return f"{family}{self.kind} {self.position} {d} {self.length} {CLASSES} {' '.join(self.shift)} {n} {t} {SEED}"

    def floor_ms(self, gflops, gbytes, training=False):
        """See the top of this file. Per frame and in pairs of FLOPs; the models have two blocks. None: no products.

        training: three times those of the forward pass. Of the three recurrent products of an LSTM one is taken over all
        steps at once, and reads no weights.
        """
        n, t, d = self.shape
        if self.speech:
            return n * speech_flops(speech_sizes(self.kind), t) / (gflops * 1e6)
        if self.image:
            return n * image_flops(image_sizes(self.kind), t) / (gflops * 1e6)
        scores = 2 * t * d + (2 * t * d if self.position == "relative_key_query" else 0)
        per_frame = {
            "cnn": 2 * (8 * d * d + 7 * d), "shiftformer": 2 * 8 * d * d, "transformer": 2 * (11 * d * d + scores),
            "block.linear": 4 * d * d, "block.mlp": 8 * d * d, "block.residual_mlp": 8 * d * d,
            "block.self_attention": 3 * d * d + scores,
        }
        if self.kind in per_frame:
            return (3 if training else 1) * 2 * n * t * per_frame[self.kind] / (gflops * 1e6)
        if "lstm" not in self.kind:
            return None
        one_of_two = 2 * n * t * 2 * 4 * d * d / (gflops * 1e6)  # products with x, products with the state
        reading = t * 2 * 4 * 4 * d * d / (gbytes * 1e6)
        if training:
            return 4 * one_of_two + 2 * max(one_of_two, reading)
        return one_of_two + max(one_of_two, reading)


def speech_sizes(kind):
    sys.path.insert(0, str(GOLDEN.parent))
    import speech  # needs torch

    return {
        "speech.base": speech.Sizes(),
        "speech.wavlm": speech.Sizes(buckets=320),
        "speech.large": speech.Sizes(norm="layer", bias=True, first=True, width=1024, layers=24, heads=16, hidden=4096),
    }[kind]


def speech_flops(sizes, samples):
    """Of convolutions and matrix products."""
    sums, inputs = 0, 1
    for channels, kernel, stride in zip(sizes.channels, sizes.kernels, sizes.strides):
        samples = (samples - kernel) // stride + 1
        sums += samples * inputs * kernel * channels
        inputs = channels
    width = sizes.width
    layer = 4 * width * width + 2 * width * sizes.hidden + 2 * samples * width
    return 2 * (sums + samples * (inputs * width + sizes.taps * width * width // sizes.groups + sizes.layers * layer))


def image_sizes(kind):
    """Those of the golden cases of full size; both CRNNs with 4 widths or with one, as Chen has it."""
    sys.path.insert(0, str(GOLDEN.parent))
    import neighbours  # needs torch

    return {
        "image.crnn": neighbours.CrnnSizes(widths=(5, 9, 17, 33), filters=32),
        "image.chen": neighbours.CrnnSizes(summary=("attention",), attention=64),
        "image.student": neighbours.VitSizes(),
        "image.teacher": neighbours.VitSizes(teacher=True, layers=6),
    }[kind]


def image_flops(sizes, time):
    """Of convolutions and matrix products."""
    if hasattr(sizes, "widths"):
        taps, frames, bands = sizes.body_taps[0] * sizes.body_taps[1], time // sizes.pool[0], sizes.bands // sizes.pool[1]
        sums = time * sizes.bands * sizes.channels * sizes.band_taps * sizes.filters * sum(sizes.widths)
        inputs = sizes.filters * len(sizes.widths)
        for outputs in sizes.body:
            sums += frames * bands * taps * inputs * outputs
            inputs = outputs
        sums += frames * (inputs * bands * sizes.frame + sizes.directions * 4 * sizes.hidden * (sizes.frame + sizes.hidden))
        return 2 * (sums + frames * sizes.attention * sizes.directions * sizes.hidden)
    inner, tokens = sizes.heads * sizes.depth_of_head, time // sizes.patch_width + 1
    layer = 4 * sizes.width * inner + 2 * sizes.width * sizes.hidden + 2 * tokens * inner
    sums = tokens * (sizes.layers * layer + sizes.rows * sizes.patch_width * (3 if sizes.teacher else 1) * sizes.width)
    if sizes.teacher:
        stem = (1, 16, 32, 64, 32, 16, 1)
        sums += time * sizes.rows * 9 * sum(a * b for a, b in zip(stem, stem[1:]))
    return 2 * sums


# The shift: n_div, direction, stride, placement.
NONE = ("0", "delay", "1", "none")
MODELS = [
    Row("CNN", "cnn", "none", NONE, 0.85),
    Row("ShiftCNN", "cnn", "none", ("16", "delay", "1", "skip"), 0.85),
    Row("LSTM", "lstm", "none", NONE, 0.92),
    Row("ShiftLSTM", "shift_lstm", "none", ("4", "delay", "1", "branch"), 0.92),
    Row("Transformer", "transformer", "relative_key_query", NONE, 0.65),
    Row("Shiftformer", "shiftformer", "none", ("4", "both", "1", "both"), 0.93),
]
# Samples at 16 kHz: 7.5 s, 1 s and 30 s.
SPEECH = [
    (Row("base", "speech.base", "none", NONE, 0.80), (120000, 16000, 480000)),
    (Row("WavLM base", "speech.wavlm", "none", NONE), (120000,)),
    (Row("large", "speech.large", "none", NONE), (120000,)),
]
# [1, T, bands of 3 channels] and [1, W, H].
IMAGES = [
    (Row("CRNN", "image.crnn", "none", NONE, 0.85), (1, 300, 120)),
    (Row("CRNN, Chen's", "image.chen", "none", NONE, 0.85), (1, 300, 120)),
    (Row("ViT, student", "image.student", "none", NONE, 0.85), (1, 128, 128)),
    (Row("ViT, teacher", "image.teacher", "none", NONE, 0.85), (1, 128, 128)),
]
# No targets: the models have them. f(S x) is the block reading through the shift.
BLOCKS = [
    Row("linear", "block.linear", "none", NONE),
    Row("linear(S x)", "block.linear", "none", ("4", "both", "1", "branch")),
    Row("depthwise_conv1d", "block.depthwise_conv1d", "none", NONE),
    Row("layer_norm", "block.layer_norm", "none", NONE),
    Row("gelu", "block.gelu", "none", NONE),
    Row("mean_pool", "block.mean_pool", "none", NONE),
    Row("mlp", "block.mlp", "none", NONE),
    Row("x + mlp(S x)", "block.residual_mlp", "none", ("4", "both", "1", "branch")),
    Row("S x + mlp(x)", "block.residual_mlp", "none", ("4", "both", "1", "skip")),
    Row("lstm", "block.lstm", "none", NONE),
    Row("lstm(S x)", "block.lstm", "none", ("4", "delay", "1", "branch")),
    Row("self_attention", "block.self_attention", "absolute", NONE),
    Row("relative_key_query", "block.self_attention", "relative_key_query", NONE),
]


# --- The side of PyTorch ----------------------------------------------------------------------------------------------


def torch_model(golden, words):
    kind, position, d, length, classes, n_div, direction, stride, placement, n, t, seed = words
    shift = golden.Shift(int(n_div), direction, int(stride), placement)
    if kind.startswith("speech."):
        return speech_model(kind, int(seed)), (int(n), int(t), int(d))
    if kind.startswith("image."):
        return image_model(kind, int(seed)), (int(n), int(t), int(d))
    if kind.startswith("block."):
        model = module_of(HERE / "blocks.py").build(golden, kind, int(d), int(length), position, shift)
    else:
        model = golden.build(kind, int(d), int(length), int(classes), position, shift)
    return golden.fill(model, int(seed)), (int(n), int(t), int(d))


def speech_model(kind, seed):
    """x [N, S, 1] to the last hidden state, the weight norm folded as every deployment has it."""
    sizes = speech_sizes(kind)
    import speech
    import torch

    class LastState(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = speech.fill(speech.SpeechEncoder(sizes), seed)
            torch.nn.utils.remove_weight_norm(self.encoder.encoder.pos_conv_embed.conv)

        def forward(self, x):
            return self.encoder(x[:, :, 0])[-1]

    return LastState().eval().requires_grad_(False)


def image_model(kind, seed):
    """x [N, T, bands * channels] or [N, W, H] to logits."""
    sizes = image_sizes(kind)
    import neighbours
    import torch

    class Logits(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.is_crnn = isinstance(sizes, neighbours.CrnnSizes)
            model = neighbours.Crnn(sizes) if self.is_crnn else neighbours.VerticalVit(sizes)
            self.model = neighbours.fill(model.requires_grad_(False), seed)

        def forward(self, x):
            if self.is_crnn:
                return self.model(x.reshape(x.shape[0], x.shape[1], sizes.bands, sizes.channels))
            return self.model(x)[0]

    return Logits().eval()


def as_bf16(torch, model):
    """The same with all of it in bf16, but for what goes in and comes out."""

    class Halved(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model.bfloat16()

        def forward(self, x):
            return self.model(x.bfloat16()).float()

    return Halved().eval()


def read_input(torch, folder, shape):
    x = torch.from_file(str(pathlib.Path(folder) / "x.f32"), size=math.prod(shape), dtype=torch.float32)
    return x.reshape(shape).clone()


def product_of(shape):
    return PRODUCT if shape[2] < 192 else shape[1:]


def rate_of(work, amount):
    """amount per second in units of 10^9, of the fastest of several repeats: of a rate, not of luck with the clock."""
    work()
    least = math.inf
    spent = 0
    while spent < 0.3e9:
        start = time.perf_counter_ns()
        work()
        least = min(least, time.perf_counter_ns() - start)
        spent += time.perf_counter_ns() - start
    return amount / least


class Forward:
    """A model and its input. Calling it is what is timed."""

    bf16 = False

    def __init__(self, torch, golden, words, folder):
        model, self.shape = torch_model(golden, words)
        self.model, self.x = model.float(), read_input(torch, folder, self.shape)
        if self.bf16:
            self.model = as_bf16(torch, self.model)

    @staticmethod
    def mode(torch):
        return torch.inference_mode()

    def restart(self):
        """Before calls that are timed."""

    def __call__(self):
        return self.model(self.x)

    def answer(self, command, _):
        """Numbers, to a command that not all sides know."""
        return self().flatten().tolist() if command == "logits" else None


def torch_side(made=Forward, more=lambda: ""):
    """made: what `load` makes. more(): what else there is to say of this side."""
    torch, golden = import_torch()
    usage = [line.split(":")[1].strip() for line in torch.__config__.show().splitlines() if "capability" in line]
    print(f"ready torch {torch.__version__}, {' '.join(usage) or 'unknown CPU capability'}{more()}, "
          f"{torch.get_num_threads()} thread(s)", flush=True)
    loaded = None
    with made.mode(torch):
        for line in sys.stdin:
            words = line.split()
            if words[:1] == ["quit"]:
                break
            try:
                if words == ["weights", "bf16"]:
                    made.bf16 = True
                    print("ok", flush=True)
                elif words[0] == "load":
                    loaded = made(torch, golden, words[1:13], line.rstrip("\n").split(" ", 13)[13])
                    print("ok", flush=True)
                elif words[0] == "run":
                    untimed, timed = int(words[1]), int(words[2])
                    loaded.restart()
                    for _ in range(untimed):
                        loaded()
                    start = time.perf_counter_ns()
                    for _ in range(timed):
                        loaded()
                    print("run", (time.perf_counter_ns() - start) / 1e6 / timed, flush=True)
                elif words[0] == "floor":
                    t, d = product_of(loaded.shape)
                    a, b = torch.rand(t, d), torch.rand(d, 4 * d)
                    gflops = rate_of(lambda: torch.mm(a, b), 2 * t * d * 4 * d)
                    gbytes = max(rate_of(lambda: torch.mv(b, a[0].repeat(4)), 16 * d * d), rate_of(b.sum, 16 * d * d))
                    print("floor", gflops, gbytes, flush=True)
                else:
                    values = loaded.answer(words[0], line.rstrip("\n").partition(" ")[2])
                    if values is None:
                        print("error unknown command", words[0], flush=True)
                    else:
                        print(words[0], *(f"{value:.9e}" for value in values), flush=True)
            except Exception as error:  # reported to the other end, which stops
                print("error", " ".join(str(error).split()), flush=True)
    return 0


# --- Talking to the sides ---------------------------------------------------------------------------------------------


class Side:
    def __init__(self, name, command, threads, **variables):
        self.name = name
        try:
            environment = dict(os.environ, TSHIFT_PEER_THREADS=str(threads), OMP_NUM_THREADS=str(threads),
                               OMP_PROC_BIND="true", **variables)
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                            env=environment)
        except OSError as error:
            sys.exit(f"models: cannot start the side of {name}: {error}")
        self.what = self.answer("ready")

    def answer(self, word):
        """The rest of the next line, which must begin with this word."""
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"models: the side of {self.name} ended, status {self.process.wait()}")
        first, _, rest = line.rstrip("\n").partition(" ")
        if first != word:
            sys.exit(f"models: the side of {self.name} says: {line.rstrip()}")
        return rest

    def ask(self, line, word):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # readline sees the end, and says so
        return self.answer(word)

    def refuses(self, line):
        """Its sentence where it cannot do that, else nothing."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        said = self.process.stdout.readline().rstrip("\n")
        return None if said == "ok" else said.removeprefix("error ")

    def run(self, untimed, timed):
        return float(self.ask(f"run {untimed} {timed}", "run"))

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def compile_tshift(folder, options):
    program = pathlib.Path(folder) / "models_worker"
    command = [options.compiler, "-std=c++20", "-O3", "-DNDEBUG", "-march=native", "-fopenmp", "-I", str(options.include)]
    for path in options.system_include:
        command += ["-isystem", path]
    command += [str(HERE / "models_worker.cpp"), "-o", str(program)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        sys.exit(f"models: cannot run {options.compiler}: {error}")
    if done.returncode != 0:
        sys.exit("models: models_worker.cpp does not compile:\n" + done.stderr)
    return program


def install_ort(folder):
    """onnxruntime-node carries the Linux library; its install script would only add one for GPUs."""
    if (folder / "node_modules" / "onnxruntime-node").is_dir():
        return
    if shutil.which("npm") is None:
        sys.exit("models: there is no npm to install onnxruntime-node with; --without ort leaves ONNX Runtime out")
    folder.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run([*command, f"onnxruntime-node@{ORT_VERSION}"], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit("models: npm cannot install onnxruntime-node:\n" + done.stderr)


def start_sides(names, folder, options):
    commands = {}
    if "tshift" in names:
        commands["tshift"] = [str(options.tshift or compile_tshift(folder, options))]
    if "torch" in names:
        commands["torch"] = [sys.executable, str(HERE / "models.py"), "--torch-side"]
    if "ort" in names:
        ort = (options.ort_dir or pathlib.Path(folder) / "ort").resolve()
        install_ort(ort)
        if shutil.which("node") is None:
            sys.exit("models: there is no node to run ONNX Runtime in; --without ort leaves it out")
        commands["ort"] = ["node", str(HERE / "ort_worker.mjs"), str(ort)]
    return {name: Side(name, commands[name], options.threads) for name in names}


# --- Measuring --------------------------------------------------------------------------------------------------------


def export(torch, model, x, path, opset):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on LSTMs of variable batch and length; these are exported for one shape
        torch.onnx.export(model, x, str(path), opset_version=opset, input_names=["x"], output_names=["y"])


def holds_fused_lstm(path):
    """Whether the graph has exactly one node of type LSTM: field 4 of a node, 4 bytes long."""
    return path.read_bytes().count(b"\x22\x04LSTM") == 1


def relative_error(values, want):
    norm = math.sqrt(sum(w * w for w in want))
    return math.sqrt(sum((v - w) ** 2 for v, w in zip(values, want))) / norm if len(values) == len(want) else math.nan


def prepare(torch, golden, row, sides, folder, options):
    """Loads the row on all sides, and compares their logits with double precision. {side: relative error}; as bf16 those who
    cannot are left out of sides, with their sentence"""
    model, shape = torch_model(golden, row.words().split())
    x = torch.from_numpy(golden.seeded("x", shape, SEED))
    (folder / "x.f32").write_bytes(x.numpy().astype("<f4").tobytes())
    with torch.no_grad():
        want = model(x.double()).flatten().tolist()
        if "ort" in sides:
            onnx = folder / "model.onnx"
            export(torch, as_bf16(torch, model.float()) if options.bf16 else model.float(), x, onnx, options.opset)
            if not options.bf16 and ("lstm" in row.kind or row.kind in ("image.crnn", "image.chen")) and not holds_fused_lstm(onnx):
                sys.exit(f"models: the graph of {row.name} has not exactly one LSTM node: nobody would ship that")
            frames, width = product_of(shape)
            product, rows = torch.nn.Linear(width, 4 * width, bias=False), torch.rand(1, frames, width)
            export(torch, product, rows, folder / "sgemm.onnx", options.opset)
            export(torch, product, rows[:, :1], folder / "read.onnx", options.opset)
    errors = {}
    for name, side in list(sides.items()):
        why = side.refuses(f"load {row.words()} {folder}")
        if why is not None and options.bf16:
            print(f"{row.name}: {name} has no bf16: {why}", flush=True)
            del sides[name]
            continue
        if why is not None:
            sys.exit(f"models: the side of {name} says: {why}")
        errors[name] = relative_error([float(v) for v in side.ask("logits", "logits").split()], want)
    return errors


def rates(sides):
    """{side: (GFLOP/s, GB/s)}"""
    return {name: [float(v) for v in side.ask("floor", "floor").split()] for name, side in sides.items()}


def in_turns(sides, rounds, threads):
    """{side: [milliseconds of one forward, one per round]}; "alone" is tshift on one of several threads"""
    plans, times = {}, {}
    if "tshift" in sides and threads > 1:
        times["alone"] = []
    for name, side in sides.items():
        once = side.run(1, 1)
        # Whatever is short starts with caches that the others emptied: one forward untimed.
        plans[name] = (1 if once < LEAST_MS else 0, max(1, math.ceil(LEAST_MS / once)))
        times[name] = []
    for _ in range(rounds):
        for name, side in sides.items():
            times[name].append(side.run(*plans[name]))
        if "alone" in times:
            side = sides["tshift"]
            side.ask("threads 1", "ok")
            times["alone"].append(side.run(*plans["tshift"]))
            side.ask(f"threads {threads}", "ok")
    return times


def paired(over, under):
    """Median, 10% and 90% quantiles of the ratio, round by round."""
    ratios = sorted(a / b for a, b in zip(over, under))
    at = lambda q: ratios[min(len(ratios) - 1, math.floor(q * len(ratios)))]
    return statistics.median(ratios), at(0.1), at(0.9)


COLUMNS = ["[N,T,D]", "tshift ms", "torch ms", "ort ms", "ratio", "10%..90%"]
ALONE = ["floor ms", "x floor", "target", "verdict"]
SHARED = ["speedup", "10%..90%"]
WIDTHS = [18, 11, 9, 9, 9, 6, 12, 8, 12, 7, 7]


def cells(row, times, best_rates):
    """The words of a line of the table. The floor, and the targets, are of one thread."""
    median = {name: statistics.median(values) for name, values in times.items()}
    ms = [f"{median[name]:.{2 if median[name] >= 1 else 4}f}" if name in median else "-" for name in PEERS]
    floor = row.floor_ms(*best_rates)
    floors = ["-", "-"]
    if floor is not None:
        floors = [f"{floor:.2f}", f"{median['tshift'] / floor:.2f}" if "tshift" in median else "-"]
    ratio = spread = verdict = "-"
    others = [name for name in ("torch", "ort") if name in median]
    if "tshift" in median and others:
        middle, low, high = paired(times["tshift"], times[min(others, key=median.get)])
        ratio, spread = f"{middle:.3f}", f"{low:.3f}..{high:.3f}"
        # Against one of the two alone, there is no saying which is the faster one.
        if row.target is not None and len(others) == 2:
            verdict = "ok" if middle <= row.target else "MISSED"
    if "alone" in times:
        middle, low, high = paired(times["alone"], times["tshift"])
        return [row.name, "x".join(map(str, row.shape)), *ms, ratio, spread, f"{middle:.2f}", f"{low:.2f}..{high:.2f}"]
    return [row.name, "x".join(map(str, row.shape)), *ms, ratio, spread, *floors,
            f"<={row.target}" if row.target is not None else "-", verdict]


def page(head, columns, table, legend, notes):
    """All of it as Markdown."""
    bars = lambda words: "| " + " | ".join(words) + " |"
    lines = [*("- " + line for line in head), "", bars(columns), bars(["---"] * 2 + ["---:"] * (len(columns) - 2))]
    lines += [bars(line) for line in table] + ["", legend + ":", "", *("- " + note for note in notes)]
    return "\n".join(lines) + "\n"


def processor():
    for line in open("/proc/cpuinfo", encoding="utf-8"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown"


def parse(arguments):
    parser = argparse.ArgumentParser(description="ShiftSER's models or their blocks in tshift, PyTorch and ONNX Runtime")
    parser.add_argument("--rounds", type=int, default=15, help="measurements of each side per row (15)")
    parser.add_argument("--core", type=int, help="the core for everything (the last one this process may use)")
    parser.add_argument("--threads", type=int, default=1, help="of each side, on the last cores this process may use (1)")
    parser.add_argument("--without", action="append", default=[], choices=PEERS, help="leave a side out; repeatable")
    parser.add_argument("--blocks", action="store_true", help="single blocks instead of models")
    parser.add_argument("--speech", action="store_true", help="speech encoders instead of models")
    parser.add_argument("--images", action="store_true", help="the CRNN and vertical-patch ViTs instead of models")
    parser.add_argument("--bf16", action="store_true", help="weights as bf16, in torch and ONNX Runtime activations as well")
    names = [row.name.strip() for row in MODELS + BLOCKS + [row for row, _ in SPEECH + IMAGES]]
    parser.add_argument("--model", action="append", default=[], choices=names, metavar="NAME",
                        help=f"only this one; repeatable. One of: {', '.join(names)}")
    parser.add_argument("--shape", action="append", default=[], choices=["x".join(map(str, s)) for s in SHAPES + [(1, n, 1) for n in SPEECH[0][1]] + [s for _, s in IMAGES]],
                        help="only this shape; a Transformer may be a little narrower; repeatable")
    parser.add_argument("--markdown", type=pathlib.Path, help="also writes the table and its circumstances to a file")
    parser.add_argument("--ort-dir", type=pathlib.Path, help="folder that has or gets onnxruntime-node (temporary)")
    parser.add_argument("--opset", type=int, default=17, help="of the exported graphs (17: with LayerNormalization)")
    add_build_options(parser)
    options = parser.parse_args(arguments)
    if set(options.without) == set(PEERS):
        parser.error("--without leaves nobody")
    choose_cores(parser, options)
    return options


def add_build_options(parser):
    parser.add_argument("--tshift", type=pathlib.Path, help="a built models_worker, instead of compiling one")
    parser.add_argument("--compiler", default="g++", help="C++20 compiler (g++)")
    parser.add_argument("--include", type=pathlib.Path, default=HERE.parent.parent / "include",
                        help="folder of tshift/")
    parser.add_argument("--system-include", action="append", default=[], help="folder of xsimd/, if not the system's")


def choose_cores(parser, options):
    """options.cores, of what --core and --threads say."""
    if options.rounds < 1:
        parser.error("--rounds must be >= 1")
    cores = sorted(os.sched_getaffinity(0))
    if not 1 <= options.threads <= len(cores):
        parser.error(f"--threads {options.threads}: this process may use {len(cores)} cores")
    if options.core is not None and options.core not in cores:
        parser.error(f"--core {options.core}: this process may use {cores}")
    if options.core is not None and options.threads > 1:
        parser.error("--core and --threads exclude each other")
    options.cores = cores[-options.threads:] if options.core is None else [options.core]


def chosen_rows(options):
    """Rows by shape."""
    wanted = lambda row, shape: ((not options.model or row.name.strip() in options.model) and
                                 (not options.shape or "x".join(map(str, shape)) in options.shape))
    if options.speech:
        return [[row.at((1, samples, 1)) for samples in lengths if wanted(row, (1, samples, 1))] for row, lengths in SPEECH]
    if options.images:
        return [[row.at(shape) for row, shape in IMAGES if wanted(row, shape)]]
    rows = BLOCKS if options.blocks else MODELS
    return [[row.at(shape) for row in rows if wanted(row, shape)] for shape in SHAPES]


def measure(options, folder):
    torch, golden = import_torch()
    all_sides = sides = start_sides([name for name in PEERS if name not in options.without], folder, options)
    try:
        for name in ("tshift", "torch") if options.bf16 else ():
            if name in sides:
                sides[name].ask("weights bf16", "ok")
        tolerance = BF16_TOLERANCE if options.bf16 else TOLERANCE
        head = [f"date: {time.strftime('%Y-%m-%d')}"]
        head += [f"processor: {processor()}, cores {' '.join(map(str, options.cores))}"]
        head += [f"{name}: {side.what}" for name, side in sides.items()]
        head += [f"medians of {options.rounds} rounds, in which the sides take turns" + ("; all as bf16" if options.bf16 else "")]
        print("\n".join(head) + "\n")
        columns = ["block" if options.blocks else "encoder" if options.speech else "model", *COLUMNS, *(ALONE if options.threads == 1 else SHARED)]
        form = "  ".join(f"{{:>{width}}}" for width in WIDTHS[:len(columns)])
        print(form.format(*columns))
        table, wrong, notes, best = [], 0, [], {}  # best: (GFLOP/s, GB/s) by D
        for rows in chosen_rows(options):
            for row in rows:
                what = f"{row.name} {'x'.join(map(str, row.shape))}"
                sides = dict(all_sides)
                errors = prepare(torch, golden, row, sides, folder, options)
                bad = {name: error for name, error in errors.items() if not error <= tolerance[name]}
                if bad:
                    wrong += 1
                    said = ", ".join(f"{name} is {e:.1e} off (accepted: {tolerance[name]})" for name, e in bad.items())
                    notes.append(f"{what}: WRONG, not timed: {said}")
                    print(notes[-1], flush=True)
                    continue
                width = row.shape[2]
                for _ in range(1 if width in best else 3):  # the first time, everything is still warming up
                    rates_of = rates(sides)
                    best[width] = list(map(max, zip(best.get(width, (0, 0)), *rates_of.values())))
                line = cells(row, in_turns(sides, options.rounds, options.threads), best[width])
                table.append(line)
                print(form.format(*line), flush=True)
                said = [f"{name} {errors[name]:.1e}, {gflops:.0f}, {gbytes:.0f}"
                        for name, (gflops, gbytes) in rates_of.items()]
                notes.append(f"{what}: {'; '.join(said)}")
        legend = "of each side: relative L2 distance of its results to double precision; sgemm, GFLOP/s; reading, GB/s"
        print(f"\n{legend}")
        print("\n".join("  " + note for note in notes))
        judged = [line for line in table if options.threads == 1 and line[-1] != "-"]
        print(f"{sum(line[-1] == 'ok' for line in judged)} of {len(judged)} rows with a target within it; "
              f"{wrong} wrong")
        if options.markdown:
            options.markdown.write_text(page(head, columns, table, legend, notes), encoding="utf-8")
        return 1 if wrong else 0
    finally:
        for side in all_sides.values():
            side.close()


def main():
    if sys.argv[1:] == ["--torch-side"]:
        return torch_side()
    options = parse(sys.argv[1:])
    os.sched_setaffinity(0, options.cores)  # inherited by every side
    with tempfile.TemporaryDirectory() as folder:
        return measure(options, pathlib.Path(folder))


if __name__ == "__main__":
    sys.exit(main())
