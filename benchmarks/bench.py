"""Measure how long the parts of the book take, and how much memory, and print a table.

    make bench

Nothing is asserted: times differ between machines. The targets are for 2 cores without a GPU.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from embgan_edu.publish.chapters import checkout, list_chapters

TARGETS = {
    "unit tests": "under 120 s",
    "all chapters, 2 at a time": "under 240 s",
    "make site": "under 60 s",
}


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


def main() -> None:
    root = checkout()
    recompute = [str(Path(sys.executable).with_name("embgan-edu")), "figures", "recompute"]
    unit = [sys.executable, "-m", "pytest", "-q", "-m", "not data and not notebook and not site"]
    tasks = {"unit tests": unit}
    for chapter in list_chapters(root):
        tasks[chapter.name] = [*recompute, "--chapter", chapter.number, "--jobs", "1"]
    tasks["all chapters, 2 at a time"] = recompute
    tasks["make site"] = ["make", "site"]
    print(f"{os.cpu_count()} cores, {psutil.virtual_memory().total / 1e9:.0f} GB of memory")
    print(f"{'what':<28} {'time':>7} {'memory':>9}  target")
    for name, command in tasks.items():
        seconds, megabytes, code = measure(command, root)
        state = f"  FAILED, exit code {code}" if code else ""
        target = TARGETS.get(name, "")
        print(f"{name:<28} {seconds:5.0f} s {megabytes:6,.0f} MB  {target}{state}", flush=True)


if __name__ == "__main__":
    main()
