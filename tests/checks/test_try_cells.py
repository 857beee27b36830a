"""The cells that try an answer on the real data run, with the instructor's answers before them."""

import contextlib
import io
from pathlib import Path
from typing import Any

import matplotlib.pyplot
import nbformat
import pytest

pytestmark = pytest.mark.grading

ROOT = Path(__file__).parents[2]


def code_cells(path: Path) -> list[Any]:
    cells = nbformat.read(path, as_version=4).cells
    return [
        cell
        for cell in cells
        if cell.cell_type == "code" and "remove-cell" not in cell.metadata.get("tags", ())
    ]


def tries(path: Path) -> list[Any]:
    return [cell for cell in code_cells(path) if "try" in cell.metadata.get("tags", ())]


WITH_TRIES = [path for path in sorted((ROOT / "solutions").glob("ex*/*.ipynb")) if tries(path)]


def test_most_chapters_have_one() -> None:
    assert len(WITH_TRIES) >= 9


@pytest.mark.parametrize("path", WITH_TRIES, ids=lambda path: path.stem)
def test_a_solution_runs_on_the_real_data(path: Path, real_data: None) -> None:
    matplotlib.use("agg")
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(code_cells(path)):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(compile(cell.source, f"{path.name}, cell {number}", "exec"), namespace)
        if "try" in cell.metadata.get("tags", ()):
            drawn = matplotlib.pyplot.get_fignums()
            assert any(sign.isdigit() for sign in output.getvalue()) or drawn, cell.source
    matplotlib.pyplot.close("all")
