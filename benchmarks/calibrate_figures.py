"""Measure how much each published figure varies, and write its value and band to the register.

    python benchmarks/calibrate_figures.py --chapter 03 --runs 20

Every chapter runs once per training seed on the same draws of the data. The book states the mean;
its pages show seed 0, which also runs with other numbers of threads and with the instructions of
older CPUs. With ``--new`` only figures without a band are measured, by the statements of the
chapter that lead to them. The band of a figure is a prediction interval for one more run, by
Student's t, which takes the runs to be about normal. Its confidence is set so that, over all
figures of the register, fewer than one full run in 1,000 fails by chance (Bonferroni).

Results are kept in _build/calibration; a run that was stopped goes on where it was.
"""

import argparse
import json
import math
import platform
import sys
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import torch
from prose import rewrite_book
from scipy.stats import t as student
from slicing import slice_chapter

import embgan_edu
from embgan_edu.base.cache import code_key, content_key
from embgan_edu.base.errors import EmbganError
from embgan_edu.publish import figures
from embgan_edu.publish.chapters import Chapter, checkout, find_chapters, run_chapter, side_by_side

FALSE_ALARMS = 1 / 1000  # expected failures by chance in one run of the whole register
# The budget is cut for a full book, so that a new chapter does not move the bands of the others.
FIGURES_AT_MOST = 400
# Beyond the largest difference seen between machines: for figures that no training seed moves.
PLATFORM_FACTOR = 3

# Environment variables that make the libraries compute as on another kind of CPU.
CPU_KINDS = {
    "native": {},
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "DNNL_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
    },
    "sse": {
        "ATEN_CPU_CAPABILITY": "default",
        "DNNL_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "OPENBLAS_CORETYPE": "Nehalem",
    },
}
PLATFORMS = [("native", 2), ("avx2", 1), ("sse", 1), ("sse", 2)]  # beside ("native", 1)


def band(
    mean: float,
    sd: float,
    runs: int,
    platform: float,
    decimals: int,
    n_figures: int = FIGURES_AT_MOST,
) -> tuple[float, float]:
    """Return the lower and the upper end of a figure's band.

    Args:
        mean, sd: over the training seeds.
        runs: how many seeds; 1 where the chapter has no training seed.
        platform: largest distance from the published value on another kind of machine.
        decimals: the book prints; the band is never narrower than their rounding.
        n_figures: over how many figures the false alarms are shared.

    >>> band(62.2, 0.0, 1, 0.0, decimals=1)
    (62.15, 62.25)
    """
    half = max(0.5 * 10.0**-decimals, PLATFORM_FACTOR * platform)
    if runs > 1:
        quantile = float(student.ppf(1 - FALSE_ALARMS / n_figures / 2, runs - 1))
        half = max(half, quantile * sd * math.sqrt(1 + 1 / runs))
    return round(mean - half, decimals + 3), round(mean + half, decimals + 3)


def derive(entry: dict[str, Any]) -> dict[str, Any]:
    """Return a calibrated entry of the register with its band computed anew."""
    measured = (entry[field] for field in ("mean", "sd", "runs", "platform", "decimals"))
    low, high = band(*measured)
    return entry | {"low": low, "high": high}


def cut_to_new(chapters: list[Chapter], folder: Path) -> list[Chapter]:
    """Return chapters that measure only the figures that have no band yet.

    Chapters without such figures are left out. Their notebooks go to ``folder``.
    """
    new = {entry["name"] for entry in figures.read_entries() if "value" not in entry}
    cut = []
    for chapter in chapters:
        names = sorted(name.split("/")[1] for name in new if name.startswith(chapter.key + "/"))
        if not names:
            continue
        cells: dict[int, list[str]] = {}
        for unit in slice_chapter(chapter.path, names):
            cells.setdefault(unit.cell, []).append(unit.source)
        notebook = nbformat.v4.new_notebook()
        for sources in cells.values():
            cell = nbformat.v4.new_code_cell("\n".join(sources))
            if any(source.startswith("TRAINING_SEED") for source in sources):
                cell.metadata.tags = ["parameters"]
            notebook.cells.append(cell)
        folder.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, folder / chapter.path.name)
        cut.append(Chapter(folder / chapter.path.name))
    return cut


def measure(root: Path, chapters: list[Chapter], runs: int, jobs: int) -> dict[str, Path]:
    """Run chapters with every seed and on every platform; return each chapter's folder of results.

    A result is a file ``<kind>-<threads>-<seed>/chNN.json``.
    """
    folders = {c.key: root / "_build" / "calibration" / c.key / source_key(c) for c in chapters}
    tasks = []
    for chapter in chapters:
        seeds = range(runs) if has_seed(chapter) else range(1)
        cases = [("native", 1, seed) for seed in seeds]
        cases += [(kind, threads, 0) for kind, threads in PLATFORMS]
        for kind, threads, seed in cases:
            folder = folders[chapter.key] / f"{kind}-{threads}-{seed}"
            if not (folder / f"{chapter.key}.json").is_file():
                tasks.append((chapter, kind, threads, seed, folder))

    def run(task: tuple[Chapter, str, int, int, Path]) -> None:
        chapter, kind, threads, seed, folder = task
        run_chapter(
            chapter.path,
            folder / chapter.path.name,
            parameters={"TRAINING_SEED": seed} if has_seed(chapter) else None,
            environment={
                "EMBGAN_CALIBRATING": "1",
                "EMBGAN_DEVICE": "cpu",
                "EMBGAN_FIGURES_DIR": str(folder.resolve()),
                # Weights that another kind of machine pretrained would hide how it differs.
                "EMBGAN_WEIGHTS": str(root / "_build" / "weights" / f"{kind}-{threads}"),
                "OMP_NUM_THREADS": str(threads),
                "OMP_WAIT_POLICY": "passive",
                **CPU_KINDS[kind],
            },
        )
        print(f"{chapter.name}: seed {seed}, {kind}, {threads} threads", flush=True)

    side_by_side(run, tasks, jobs)
    return folders


def summarize(key: str, folder: Path) -> dict[str, dict[str, Any]]:
    """Return value, mean, sd, runs, and distance between platforms of each figure of a chapter."""

    def read(case: str) -> dict[str, float]:
        numbers: dict[str, float] = json.loads((folder / case / f"{key}.json").read_text())
        return numbers

    code = ", ".join(dict.fromkeys(["SSE4.2", "AVX2", torch.backends.cpu.get_cpu_capability()]))
    published = read("native-1-0")
    n_seeds = len(list(folder.glob(f"native-1-*/{key}.json")))
    by_seed = [read(f"native-1-{seed}") for seed in range(n_seeds)]
    elsewhere = [read(f"{kind}-{threads}-0") for kind, threads in PLATFORMS]
    summary = {}
    for name, value in published.items():
        seeds = np.array([numbers[name] for numbers in by_seed])
        summary[name] = {
            "value": round(value, 6),
            "mean": round(float(seeds.mean()), 6),
            "sd": round(float(seeds.std(ddof=1)), 6) if n_seeds > 1 else 0.0,
            "runs": n_seeds,
            "platform": round(max(abs(numbers[name] - value) for numbers in elsewhere), 6),
            "seeds": f"0 to {n_seeds - 1}" if n_seeds > 1 else "none",
            "environment": (
                f"CPU, 1 and 2 threads, code for {code}; "
                f"Python {platform.python_version()}, torch {torch.__version__.split('+')[0]}"
            ),
        }
    return summary


def write_register(
    summaries: dict[str, dict[str, Any]], chapters: list[str], only_new: bool = False
) -> None:
    """Put new values into the register, and derive every band anew.

    Args:
        summaries: of the figures just measured, by full name.
        chapters: which chapters were measured, such as ``["ch03"]``.
        only_new: whether figures that have a band keep it.

    Raises:
        SystemExit: a measured figure has no entry, an entry of these chapters was not measured, or
            a band would leave out its own value. Nothing is written then.
    """
    entries = figures.read_entries()
    names = {entry["name"] for entry in entries if entry["name"].split("/")[0] in chapters}
    if only_new:
        names = {entry["name"] for entry in entries if "value" not in entry} & names
        summaries = {name: summary for name, summary in summaries.items() if name in names}
    if names != set(summaries):
        lines = [f"  no entry: {name} = {summaries[name]['value']}" for name in summaries]
        lines = [line for line in lines if line.split()[2] not in names]
        lines += [f"  not measured: {name}" for name in sorted(names - set(summaries))]
        sys.exit(
            "The register and the chapters differ:\n" + "\n".join(lines) + "\nGive each figure an "
            'entry {"name": ..., "what": ..., "unit": ..., "decimals": ...} in '
            f"embgan_edu/{figures.REGISTER.name}; what was measured is kept."
        )
    entries = [entry | summaries.get(entry["name"], {}) for entry in entries]
    entries = [derive(entry) if "value" in entry else entry for entry in entries]
    for entry in entries:
        if "value" not in entry:
            continue
        low, high = entry["low"], entry["high"]
        if not (
            math.isfinite(entry["value"])
            and low <= entry["value"] - entry["platform"]
            and entry["value"] + entry["platform"] <= high
        ):
            sys.exit(
                f"The band of {entry['name']}, {low} to {high}, leaves out its own value "
                f"{entry['value']} on some machine (± {entry['platform']}); the published seed is "
                "not typical. Raise --runs, or find out why. Nothing was written."
            )
    order = ("name", "what", "unit", "decimals", "value", "low", "high")
    entries = [{key: entry[key] for key in order if key in entry} | entry for entry in entries]
    figures.REGISTER.write_text(
        json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def has_seed(chapter: Chapter) -> bool:
    """Tell whether a chapter has a training seed, in its cell tagged ``parameters``."""
    cells = json.loads(chapter.path.read_text(encoding="utf-8"))["cells"]
    return any(
        "TRAINING_SEED" in "".join(cell["source"])
        for cell in cells
        if "parameters" in cell["metadata"].get("tags", [])
    )


def source_key(chapter: Chapter) -> str:
    """Return a key that changes when the code of a chapter, or of what it imports, changes.

    Comments and docstrings do not count, nor do the modules that only run, draw, or judge.
    """
    cells = json.loads(chapter.path.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    package = Path(embgan_edu.__file__).parent
    rooms = ("base", "data", "models", "measure", "text", "study")
    modules = sorted(
        f"{room}.{path.stem}" for room in rooms for path in package.glob(f"{room}/*.py")
    )
    return content_key(*code, code_key(*modules))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--chapter", action="append", default=[], metavar="N", help="only this one")
    parser.add_argument("--new", action="store_true", help="only figures that have no band yet")
    parser.add_argument("--runs", type=int, default=20, help="training seeds (default 20)")
    parser.add_argument("--jobs", type=int, default=2, help="chapters at a time (default 2)")
    parser.add_argument(
        "--write-prose", action="store_true", help="also bring the numbers in the prose up to date"
    )
    arguments = parser.parse_args()
    try:
        root = checkout()
        chapters = find_chapters(root, arguments.chapter)
        if arguments.new:
            chapters = cut_to_new(chapters, root / "_build" / "calibration" / "new")
        folders = measure(root, chapters, arguments.runs, arguments.jobs)
        summaries: dict[str, dict[str, Any]] = {}
        for key, folder in folders.items():
            if (folder / "native-1-0" / f"{key}.json").is_file():
                summaries |= summarize(key, folder)
        write_register(summaries, list(folders), arguments.new)
        print(figures.table(figures.load_register().values()))
        if arguments.write_prose:
            changed = rewrite_book(root / "book", figures.load_register())
            print(f"Prose brought up to date: {', '.join(changed) or 'nothing to change'}.")
    except EmbganError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
