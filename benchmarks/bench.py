"""Measure how long `make test` and the chapters take, and how much memory, and print a table.

    make bench

Nothing is asserted: times differ between machines. On 2 cores without a GPU, `make test` shall take
less than 35 minutes with the install.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import psutil

from embgan_edu.publish.chapters import checkout, list_chapters


def measure(command: list[str], root: Path) -> tuple[float, float, int]:
    """Run a command; return its seconds, the peak memory of all its processes (MB), exit code."""
    start, peak = time.monotonic(), 0
    process = subprocess.Popen(
        command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    tree = psutil.Process(process.pid)
    while process.poll() is None:
        used = 0
        try:
            for member in [tree, *tree.children(recursive=True)]:
                used += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue  # one ended while we looked; the next look counts it no more
        peak = max(peak, used)
        time.sleep(0.1)
    return time.monotonic() - start, peak / 1e6, process.returncode


def commands_of_test(root: Path) -> list[str]:
    """Return what `make test` would run, one command after the other."""
    make = ["make", "--dry-run", "--no-print-directory", "test"]
    listing = subprocess.run(make, cwd=root, capture_output=True, text=True, check=True)
    # Without the install, and without the steps of `make site`, which are measured together.
    tools = r"make |(.* )?\S*bin/(ruff|mypy|pytest) "
    return [line for line in listing.stdout.splitlines() if re.match(tools, line + " ")]


def main() -> None:
    root = checkout()
    tasks = {command: ["bash", "-c", command] for command in commands_of_test(root)}
    recompute = [str(Path(sys.executable).with_name("embgan-edu")), "figures", "recompute"]
    chapters = {
        f"chapter {chapter.name}": [*recompute, "--chapter", chapter.number, "--jobs", "1"]
        for chapter in list_chapters(root)
    }
    print(f"{os.cpu_count()} cores, {psutil.virtual_memory().total / 1e9:.0f} GB of memory")
    print(f"{'time':>7} {'memory':>9}  what")
    total = 0.0
    for name, command in (tasks | chapters).items():
        seconds, megabytes, code = measure(command, root)
        state = f"  FAILED, exit code {code}" if code else ""
        short = " ".join(name.replace(".venv/bin/", "").split())
        print(f"{seconds:5.0f} s {megabytes:6,.0f} MB  {short[:90]}{state}", flush=True)
        total += seconds * (name in tasks)
        if name == list(tasks)[-1]:
            print(f"{total:5.0f} s            make test in all, without the install")


if __name__ == "__main__":
    main()
