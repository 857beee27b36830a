"""Compare how fast two checkouts of this project train GANs, in turns of one run.

    git worktree add ../before d328980
    python benchmarks/compare_engines.py ../before .

Prints milliseconds of one training step of all draws, median and range of the turns, and the ratio
within each turn. Both checkouts run in the same environment, each in a process of its own; a first
edition that has no rooms is understood as well. Nothing is asserted.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

TURNS = 5
WIDE: dict[str, object] = {
    "hidden": 256,
    "batch_size": 128,
    "batch_norm": True,
    "noise": 0.6,
    "average": 0.995,
}
WIDE |= {"loss": "relativistic", "zero_penalty": 0.3, "beta1": 0.0, "beta2": 0.99}
CASES = [  # draws, rows, settings, steps
    (1, 100, {}, 300),
    (4, 100, {}, 200),
    (16, 100, {}, 100),
    (64, 100, {}, 30),
    (64, 100, {"batch_norm": True, "noise": 0.3}, 20),
    (64, 100, {"hidden": 256}, 12),
    (8, 3362, WIDE, 25),
]
WORKER = """
import json, sys, time
import numpy as np
try:
    from embgan_edu.models.gan import GAN, GANConfig
except ImportError:
    from embgan_edu.gan import GAN, GANConfig
for line in sys.stdin:
    draws, n, settings, steps = json.loads(line)
    X = np.random.default_rng(0).normal(size=(draws, n, 50)).astype(np.float32)
    y = np.tile(np.arange(n) % 2, (draws, 1))
    taken = []
    for number in (1, 1 + steps):
        start = time.perf_counter()
        GAN(GANConfig(steps=number, **settings)).fit(X, y)
        taken.append(time.perf_counter() - start)
    print(1000 * (taken[1] - taken[0]) / steps, flush=True)
"""


def start(root: Path) -> "subprocess.Popen[str]":
    """Start a process that measures with the package of a checkout."""
    command = [sys.executable, "-c", WORKER]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=root, stdin=pipe, stdout=pipe, text=True)


def ask(worker: "subprocess.Popen[str]", case: object) -> float:
    """Return milliseconds per step."""
    assert worker.stdin and worker.stdout
    print(json.dumps(case), file=worker.stdin, flush=True)
    return float(worker.stdout.readline())


def spread(numbers: list[float]) -> str:
    """Return median and range.

    >>> spread([3.0, 1.0, 2.0])
    '2.00 (1.00 to 3.00)'
    """
    return f"{statistics.median(numbers):.2f} ({min(numbers):.2f} to {max(numbers):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkouts", type=Path, nargs=2, help="before and after")
    workers = [start(root) for root in parser.parse_args().checkouts]
    for draws, n, settings, steps in CASES:
        for worker in workers:
            ask(worker, (draws, n, settings, 3))
        turns = [
            [ask(worker, (draws, n, settings, steps)) for worker in workers] for _ in range(TURNS)
        ]
        before, after = map(list, zip(*turns, strict=True))
        ratio = [a / b for a, b in turns]
        print(f"{draws} draws, {n} rows, {settings}: before {spread(before)},", end=" ")
        print(f"after {spread(after)}, ratio {spread(ratio)}", flush=True)


if __name__ == "__main__":
    main()
