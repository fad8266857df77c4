#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""DistributedDataParallel: two processes over gloo on the loopback device train a network with the operator, each on
its half of the batch. After every step their parameters are equal bit for bit, and equal to those of one process that
trains on the whole batch within 1e-12, in double precision."""

import os
import pathlib
import sys
import tempfile

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

import tshift_torch
from cases import check, report
from module_test import Tsm, Video

RANKS, STEPS, CLIPS, FRAMES, CHANNELS, CLASSES = 2, 6, 4, 4, 16, 3
TOLERANCE = 1e-12


def network():
    torch.manual_seed(3)
    return Video(FRAMES, CHANNELS, CLASSES, lambda: Tsm(FRAMES, CHANNELS, 4))


def batches():
    generator = torch.Generator().manual_seed(4)
    for _ in range(STEPS):
        yield (torch.randn(RANKS * CLIPS, FRAMES, 3, 6, 5, generator=generator),
               torch.randint(0, CLASSES, (RANKS * CLIPS,), generator=generator))


def train(model, part):
    """Yields all parameters, one after the other, after each step."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for x, target in batches():
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x[part].flatten(0, 1)), target[part]).backward()
        optimizer.step()
        yield torch.cat([p.detach().flatten() for p in model.parameters()])


def worker(rank, folder):
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=RANKS)
    model = torch.nn.parallel.DistributedDataParallel(network())
    steps = list(train(model, slice(rank * CLIPS, (rank + 1) * CLIPS)))
    torch.save(torch.stack(steps), pathlib.Path(folder) / f"rank{rank}.pt")
    dist.barrier()
    dist.destroy_process_group()


def main():
    if not dist.is_available() or not dist.is_gloo_available():
        sys.exit("FAILED: this PyTorch has no gloo")
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(worker, args=(folder,), nprocs=RANKS)
        ranks = [torch.load(pathlib.Path(folder) / f"rank{rank}.pt") for rank in range(RANKS)]
    alone = list(train(network(), slice(None)))
    check(len(alone) == STEPS and all(len(steps) == STEPS for steps in ranks), "steps are missing", "runs")
    worst = 0.0
    for step in range(STEPS):
        check(torch.equal(ranks[0][step], ranks[1][step]), f"step {step}: the ranks differ", "steps equal across ranks")
        difference = (ranks[0][step] - alone[step]).abs().max().item()
        worst = max(worst, difference)
        check(difference <= TOLERANCE, f"step {step}: {difference} from one process", "steps equal to one process")
        if step > 0:
            check(not torch.equal(alone[step], alone[step - 1]), f"step {step}: nothing was learnt", "steps that move")
    print(f"{RANKS} processes, {alone[0].numel()} parameters, largest difference from one process {worst:.1e}")
    report()


if __name__ == "__main__":
    main()
