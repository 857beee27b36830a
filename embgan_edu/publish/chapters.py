"""Execute the book's chapters, several at a time."""

import base64
import io
import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

from embgan_edu.base.cache import atomic_path
from embgan_edu.base.errors import ConfigError, EmbganError

# What every cell together may take is a few minutes; one that takes longer hangs.
_CELL_SECONDS = 900

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


class ChapterError(EmbganError, RuntimeError):
    """A cell of a chapter raised."""


@dataclass(frozen=True)
class Chapter:
    """One notebook of the book.

    Attributes:
        path: the notebook.

    Example:
        >>> chapter = Chapter(Path("book/03-learning-from-little.ipynb"))
        >>> chapter.number, chapter.key, chapter.name
        ('03', 'ch03', '03-learning-from-little')
    """

    path: Path

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    @property
    def number(self) -> str:
        """Two digits."""
        return self.name[:2]

    @property
    def key(self) -> str:
        """How the register of figures calls the chapter."""
        return f"ch{self.number}"


@dataclass(frozen=True)
class Outcome:
    """How the execution of one chapter went.

    Attributes:
        chapter: the chapter.
        seconds: how long it took.
        error: chapter, cell and last lines of what went wrong; empty when nothing did.
    """

    chapter: Chapter
    seconds: float
    error: str


def checkout() -> Path:
    """Return the folder of the book's source: a parent of the current folder, or of the package.

    Raises:
        ConfigError: neither lies in a checkout of the book.
    """
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[2]):
        if (folder / "_toc.yml").is_file() and (folder / "book").is_dir():
            return folder
    raise ConfigError(
        f"Neither {here} nor the installed package is in a checkout of the book (a folder with "
        "_toc.yml and book/). Clone the repository and run the command in it."
    )


def list_chapters(root: Path) -> list[Chapter]:
    """Return the notebooks of the table of contents, in the order of the book.

    Args:
        root: the folder with ``_toc.yml``.
    """
    import yaml

    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    entries = [entry["file"] for part in toc["parts"] for entry in part["chapters"]]
    notebooks = [root / f"{entry}.ipynb" for entry in entries]
    return [Chapter(notebook) for notebook in notebooks if notebook.is_file()]


def find_chapters(root: Path, numbers: Sequence[str]) -> list[Chapter]:
    """Return the chapters with these numbers, or all where none is given.

    Args:
        root: the folder with ``_toc.yml``.
        numbers: such as ``["3", "05"]``.

    Raises:
        ConfigError: there is no chapter with that number.
    """
    chapters = list_chapters(root)
    by_number = {chapter.number: chapter for chapter in chapters}
    for number in numbers:
        if number.zfill(2) not in by_number:
            raise ConfigError(
                f"There is no chapter {number!r}; the book has {', '.join(by_number) or 'none'}."
            )
    return [by_number[number.zfill(2)] for number in numbers] or chapters


def run_chapter(
    path: Path,
    into: Path,
    *,
    parameters: Mapping[str, Any] | None = None,
    prelude: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Execute a notebook from its first cell and write it, with its outputs, to another file.

    The result is written in one go, and only if every cell ran. Nothing in it changes between
    two runs but what the cells print: no times, no versions of Python.

    Args:
        path: the notebook. Its stored outputs are ignored.
        into: where to write it. It may be the notebook itself.
        parameters: values that replace those of the cell tagged ``parameters``; they are assigned
            in a cell right after it.
        prelude: code that runs before the first cell, for instance to break the package on
            purpose.
        environment: variables for the kernel, beside those of this process.

    Raises:
        ChapterError: a cell raised. The message names the chapter and the cell, and ends with the
            last lines of the error.
        ConfigError: parameters were given, but no cell tagged ``parameters`` sets them.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    if parameters:
        _inject(notebook, path, parameters)
    if prelude:
        notebook.cells.insert(0, _code_cell(prelude))
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    client = NotebookClient(
        notebook,
        timeout=_CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        # The kernel warns that its ports are not encrypted, though they are open to this machine
        # only, and complains when Ctrl-C ends it. What a cell raises comes another way.
        extra_arguments=["--IPKernelApp.log_level=50"],
    )
    # Nothing of this process may leak in that would hide a picture or record figures elsewhere.
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith("EMBGAN_FIGURES")
    }
    variables["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    try:
        client.execute(env=variables | dict(environment or {}))
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise ChapterError(_describe(path, notebook, error)) from error
    # The kernel reports its version of Python here, which would change the file for nothing.
    notebook.metadata["language_info"] = {"name": "python"}
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output["data"]["image/png"] = with_palette(output["data"]["image/png"])
    into.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(into) as temporary:
        nbformat.write(notebook, temporary)


def with_palette(png: str) -> str:
    """Return a picture with at most 256 colors, which takes about a third of the room.

    Args:
        png: The picture, in base64; no part of it may be transparent.

    Example:
        >>> from PIL import Image
        >>> file = io.BytesIO()
        >>> Image.radial_gradient("L").convert("RGB").save(file, "PNG")
        >>> small = with_palette(base64.b64encode(file.getvalue()).decode())
        >>> Image.open(io.BytesIO(base64.b64decode(small))).mode
        'P'
    """
    from PIL import Image

    picture, file = Image.open(io.BytesIO(base64.b64decode(png))), io.BytesIO()
    picture.convert("RGB").quantize(256).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def run_chapters(
    chapters: Sequence[Chapter],
    into: Path,
    *,
    figures: Path,
    jobs: int = 2,
    report: Callable[[str], None] = print,
) -> list[Outcome]:
    """Execute chapters, several at a time, those that took longest last time first.

    Each runs in a process of its own with its share of the cores. A chapter that fails does not
    stop the others.

    Args:
        chapters: which.
        into: folder for the executed notebooks. It may be the folder they are in.
        figures: folder for what they measured, a file per chapter, and for the times.
        jobs: how many at a time.
        report: gets a line for each chapter that is done.

    Returns:
        How each went, in the order of ``chapters``.
    """
    times_file = figures / "seconds.json"
    times: dict[str, float] = {}
    if times_file.is_file():
        times = json.loads(times_file.read_text(encoding="utf-8"))
    jobs = max(1, min(jobs, len(chapters)))
    threads = max(1, (os.cpu_count() or 1) // jobs)
    environment = {
        "OMP_NUM_THREADS": str(threads),
        "EMBGAN_FIGURES_DIR": str(figures.resolve()),
    }
    done: list[Chapter] = []

    def run(chapter: Chapter) -> Outcome:
        start = time.monotonic()
        (figures / f"{chapter.key}.json").unlink(missing_ok=True)
        error = ""
        try:
            run_chapter(chapter.path, into / chapter.path.name, environment=environment)
        except EmbganError as failure:
            error = str(failure)
        seconds = time.monotonic() - start
        done.append(chapter)
        state = "  FAILED" if error else ""
        report(f"[{len(done)}/{len(chapters)}] {chapter.name:<32} {seconds:4.0f} s{state}")
        return Outcome(chapter, seconds, error)

    # Without times of an earlier run, the later chapters are taken to be the longer ones.
    order = sorted(chapters, key=lambda c: (times.get(c.name, 1e9), c.name), reverse=True)
    by_chapter = {outcome.chapter: outcome for outcome in side_by_side(run, order, jobs)}
    outcomes = [by_chapter[chapter] for chapter in chapters]
    times |= {outcome.chapter.name: outcome.seconds for outcome in outcomes}
    figures.mkdir(parents=True, exist_ok=True)
    with atomic_path(times_file) as path:
        path.write_text(json.dumps(times, indent=1), encoding="utf-8")
    return outcomes


def side_by_side(
    run: Callable[[_Task], _Result], tasks: Sequence[_Task], jobs: int
) -> list[_Result]:
    """Call a function for every task, several at a time, and return the results in order.

    An executor would wait for the calls that are under way before the program may end. Here Ctrl-C
    ends it at once, and the kernels of notebooks end with it.

    Args:
        run: called once per task, in a thread.
        tasks: in the order in which they start.
        jobs: how many at a time.

    Raises:
        Exception: what a call raised, once the tasks before it are done. No other task starts then.

    Example:
        >>> side_by_side(abs, [-3, 2, -1], jobs=2)
        [3, 2, 1]
    """
    futures: list[Future[_Result]] = [Future() for _ in tasks]
    waiting = iter(list(zip(tasks, futures, strict=True)))

    def work() -> None:
        for task, future in waiting:
            try:
                future.set_result(run(task))
            except BaseException as error:
                future.set_exception(error)

    try:
        for _ in range(jobs):
            Thread(target=work, daemon=True).start()
        return [future.result() for future in futures]
    finally:
        list(waiting)  # what has not started yet never will


def read_measured(figures: Path) -> dict[str, float]:
    """Return the raw numbers that chapters last measured, by full name.

    Args:
        figures: the folder that ``run_chapters`` got.
    """
    measured: dict[str, float] = {}
    for path in sorted(figures.glob("ch*.json")):
        measured |= json.loads(path.read_text(encoding="utf-8"))
    return measured


def _code_cell(source: str) -> Any:
    from nbformat.v4 import new_code_cell

    # Injected cells keep one id, so that they look the same in every run.
    return new_code_cell(source, id=f"injected-{len(source)}", metadata={"tags": ["injected"]})


def _inject(notebook: Any, path: Path, parameters: Mapping[str, Any]) -> None:
    for index, cell in enumerate(notebook.cells):
        if "parameters" in cell.metadata.get("tags", []):
            missing = [n for n in parameters if not re.search(rf"(?m)^{n} *=", cell.source)]
            if missing:
                raise ConfigError(
                    f"The cell of {path.name} tagged 'parameters' does not set "
                    f"{', '.join(missing)}, so the chapter cannot be run with another value."
                )
            source = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
            notebook.cells.insert(index + 1, _code_cell(source))
            return
    raise ConfigError(
        f"{path.name} has no cell with the tag 'parameters', so {', '.join(parameters)} cannot be "
        "set. Tag the cell that assigns the defaults."
    )


def _describe(path: Path, notebook: Any, error: Exception) -> str:
    """Say where a chapter failed, and how its error ended."""
    cells = [cell for cell in notebook.cells if "injected" not in cell.metadata.get("tags", [])]
    ran = [number for number, cell in enumerate(cells, 1) if cell.get("execution_count")]
    said = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()
    # The whole message, however long, and a little of what led to it.
    last = max(12, len(getattr(error, "evalue", "").splitlines()) + 1)
    lines = "\n".join(f"    {line}" for line in said[-last:] if line.strip())
    return f"{path.stem}, cell {ran[-1] if ran else 1} of {len(cells)}:\n{lines}"
