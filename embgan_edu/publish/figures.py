"""The register of published figures: every number that the book states, and the band it must keep.

A chapter measures its figures and ends with ``check``, which raises when one has left its band.
The bands come from ``benchmarks/calibrate_figures.py``, never from a guess.
"""

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy.stats import t as student

from embgan_edu.base.cache import atomic_path, results_dir
from embgan_edu.base.errors import ConfigError, FigureError

REGISTER = results_dir() / "figures.json"

# Each marks a number of this run, so that nbval can mask it: it may differ between machines.
_ABOUT = "≈ "


@dataclass(frozen=True)
class Figure:
    """One published number.

    Attributes:
        name: chapter and short name, such as ``"ch05/gain-movie"``.
        what: what was measured, in a few words.
        unit: ``"%"``, ``"points"``, ..., or ``""`` for a plain number.
        decimals: how many decimals the book prints.
        value: the run with training seed 0, as the chapter shows it.
        low, high: the band, ends included.
        mean, sd: mean and standard deviation over the training seeds. The book states the mean.
        runs: how many training seeds.
        platform: largest distance from ``value`` on other numbers of threads and kinds of CPU.
        seeds: which training seeds.
        environment: where the band was measured.

    Example:
        >>> figure = Figure("ch05/gain-movie", "gain", "points", 1, -0.61, -1.2, 0.1,
        ...                 -0.55, 0.1, 20, 0.0, "0 to 19", "CPU")
        >>> figure.chapter, figure.text(-0.64), figure.holds(0.2)
        ('ch05', '-0.6', False)
    """

    name: str
    what: str
    unit: str
    decimals: int
    value: float
    low: float
    high: float
    mean: float
    sd: float
    runs: int
    platform: float
    seeds: str
    environment: str

    @property
    def chapter(self) -> str:
        """The chapter that measures this figure, such as ``"ch05"``."""
        return self.name.split("/")[0]

    def text(self, number: float) -> str:
        """Return a number of this kind as the book prints it, with thousands separated."""
        # Adding zero turns the -0.0 of a small negative number into 0.0.
        return f"{round(number, self.decimals) + 0.0:,.{self.decimals}f}"

    def band(self) -> str:
        """Return the band as text, with one decimal more than the value."""
        decimals = self.decimals + 1
        return f"{self.low:,.{decimals}f} to {self.high:,.{decimals}f}"

    def published(self) -> str:
        """Return the mean over the training seeds as the book states it, with its unit.

        Where seeds matter, half the width of its 95 % interval follows: how far the mean of
        other seeds may be.
        """
        shown = self.text(self.mean)
        if self.sd > 0:
            half = student.ppf(0.975, self.runs - 1) * self.sd / math.sqrt(self.runs)
            shown += f" ± {half:,.{self.decimals + 1}f}"
        return f"{shown} {self.unit}".strip()

    def holds(self, number: float) -> bool:
        """Tell whether a number, unrounded, lies in the band."""
        return self.low <= number <= self.high


def read_entries() -> list[dict[str, Any]]:
    """Return the register's entries as they stand in the file, calibrated or not."""
    entries: list[dict[str, Any]] = json.loads(REGISTER.read_text(encoding="utf-8"))
    return entries


def load_register() -> dict[str, Figure]:
    """Return the published figures by name, in the order of the register.

    An entry that was not calibrated yet has no value and no band; it is left out.

    Raises:
        ConfigError: an entry has fields that a figure does not have, or lacks some.
    """
    figures = {}
    for entry in read_entries():
        if "value" not in entry:
            continue
        try:
            figures[entry["name"]] = Figure(**entry)
        except TypeError as error:
            raise ConfigError(
                f"The entry {entry.get('name', entry)!r} of {REGISTER.name} is not a figure "
                f"({error}); run benchmarks/calibrate_figures.py to write it anew."
            ) from error
    return figures


def check(chapter: str, measured: Mapping[str, float]) -> None:
    """Compare what a chapter measured with what the book states, and print the table.

    The numbers of this run are printed rounded, each after the sign ``≈``; the bands hold for the
    raw numbers. Where ``EMBGAN_FIGURES_DIR`` is set, the raw numbers are also written there. With
    ``EMBGAN_CALIBRATING`` set as well they are only recorded: the bands are not known yet.

    Args:
        chapter: such as ``"ch05"``.
        measured: number by short name, such as ``{"gain-movie": -0.58}``.

    Raises:
        FigureError: a figure is out of its band, or is not a finite number. All are listed.
        ConfigError: a name of the chapter is missing in ``measured``, or is not registered.
    """
    numbers = {f"{chapter}/{name}": float(number) for name, number in measured.items()}
    record(chapter, numbers)
    if os.environ.get("EMBGAN_CALIBRATING"):
        print(f"{len(numbers)} figures recorded, none compared: calibrating.")
        return
    figures = {
        name: figure for name, figure in load_register().items() if figure.chapter == chapter
    }
    _refuse_other_names(chapter, set(figures), set(numbers))
    print(table(figures.values(), numbers))
    wrong = problems(figures.values(), numbers)
    if wrong:
        raise FigureError(
            f"{len(wrong)} of the {len(figures)} figures of {chapter} do not hold in this run:\n"
            + "\n".join(wrong)
            + "\nEither something broke, or the claim is false and the text must change."
        )


def record(chapter: str, numbers: Mapping[str, float]) -> None:
    """Write raw numbers to ``$EMBGAN_FIGURES_DIR/<chapter>.json``; without that variable, nothing.

    Args:
        chapter: such as ``"ch05"``.
        numbers: number by full name.
    """
    folder = os.environ.get("EMBGAN_FIGURES_DIR")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with atomic_path(Path(folder) / f"{chapter}.json") as path:
            path.write_text(json.dumps(numbers, indent=1), encoding="utf-8")


def problems(figures: Iterable[Figure], numbers: Mapping[str, float]) -> list[str]:
    """Return a line for every measured figure that is not a finite number in its band.

    Args:
        figures: what the book states.
        numbers: raw number by full name; a figure without one is passed over.
    """
    return [
        f"  {figure.name} ({figure.what}): measured {numbers[figure.name]:.6g}, "
        f"expected {figure.low:.6g} to {figure.high:.6g}"
        for figure in figures
        if figure.name in numbers and not figure.holds(numbers[figure.name])
    ]


def table(figures: Iterable[Figure], numbers: Mapping[str, float] | None = None) -> str:
    """Return an aligned table of figures and bands, and of this run where it is given.

    Args:
        figures: what the book states.
        numbers: raw number by full name; a figure without one was not measured.

    Returns:
        Text without a line break at its end. Only what follows ``≈`` differs between two runs
        in which all figures hold: the width of no column depends on this run.
    """
    head = ["figure", "published", "band"] + ["this run", "verdict"] * (numbers is not None)
    rows = [[*head, "what"]]
    for figure in figures:
        row = [figure.name, figure.published(), figure.band()]
        if numbers is not None:
            row += _this_run(figure, numbers.get(figure.name))
        rows.append([*row, figure.what])
    # A mask of nbval covers this run's number and the blanks behind it, but not the column's head.
    widths = [
        12 if column[0] == "this run" else max(map(len, column))
        for column in zip(*rows, strict=True)
    ]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def markdown(figures: Iterable[Figure]) -> str:
    """Return the figures as Markdown tables, one per chapter, for the book's appendix."""
    lines: list[str] = []
    chapter = ""
    for figure in figures:
        if figure.chapter != chapter:
            chapter = figure.chapter
            lines += [
                "",
                f"## Chapter {int(chapter[2:])}",
                "",
                f"Training seeds: {figure.seeds}. {figure.environment}.",
                "",
                "| Figure | What it is | Published | Band | sd | Runs |",
                "|---|---|---:|---|---:|---:|",
            ]
        lines.append(
            f"| `{figure.name}` | {figure.what} | {figure.published()} "
            f"| {figure.band()} | {figure.sd:.{figure.decimals + 1}f} | {figure.runs} |"
        )
    return "\n".join(lines).strip()


def _this_run(figure: Figure, number: float | None) -> list[str]:
    if number is None:
        return ["-", "not run"]
    shown = figure.text(number) if math.isfinite(number) else str(number)
    return [_ABOUT + shown, "holds" if figure.holds(number) else "OUT"]


def _refuse_other_names(chapter: str, registered: set[str], measured: set[str]) -> None:
    missing = sorted(registered - measured)
    if missing:
        raise ConfigError(
            f"The register has figures that {chapter} did not measure: {', '.join(missing)}. "
            f"Measure them, or remove their entries from embgan_edu/{REGISTER.name}."
        )
    extra = sorted(measured - registered)
    if extra:
        raise ConfigError(
            f"{chapter} measured figures without a band: {', '.join(extra)}. Give each an entry "
            f'{{"name": ..., "what": ..., "unit": ..., "decimals": ...}} in '
            f"embgan_edu/{REGISTER.name}, then run "
            f"python benchmarks/calibrate_figures.py --chapter {chapter[2:]}"
        )
