"""Measure some figures of a chapter in a process of its own, the package broken or not.

The process is forked from a server that has imported the libraries, and runs the cells that lead
to the figures (``slicing``) as a plain program: no kernel, nothing shared with another run.
"""

import contextlib
import io
import json
import multiprocessing
import os
import shutil
import sys
import traceback
import types
from collections.abc import Collection
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from unittest import mock

import slicing

from embgan_edu.base.cache import cache_dir
from embgan_edu.publish.chapters import Chapter

SECONDS = 900
# Never the package itself: a module that is imported after the break takes over what is broken.
LIBRARIES = ["torch", "keras", "gensim.models", "matplotlib.pyplot", "pandas", "pyarrow.parquet"]
LIBRARIES += ["scipy.stats", "sklearn.decomposition", "sklearn.linear_model", "sklearn.covariance"]
LIBRARIES += ["imblearn.over_sampling", "opacus.accountants", "IPython.display", "nbformat"]


class RunError(AssertionError):
    """A run ended before the chapter's check."""


def measure(
    path: Path, figures: Collection[str], folder: Path, prelude: str = "", weights: bool = False
) -> dict[str, float]:
    """Run what of a chapter leads to its figures, and return them by full name.

    Args:
        path: the notebook.
        figures: short names of figures; the chapter may measure others on its way.
        folder: an empty folder.
        prelude: code that runs first, and breaks something.
        weights: whether pretraining may start from what an intact package has in the cache. Never
            is anything put there.

    Raises:
        RunError: the run ended before the check, or did not measure all of the figures.
    """
    key = Chapter(path).key
    cells = [(unit.cell, unit.source) for unit in slicing.slice_chapter(path, figures)]
    (folder / "weights").mkdir()
    if weights:
        for file in (cache_dir() / "weights").glob("*.safetensors"):
            shutil.copy(file, folder / "weights")
    environment = {
        "EMBGAN_WEIGHTS": str(folder / "weights"),
        "EMBGAN_FIGURES_DIR": str(folder),
        "EMBGAN_CALIBRATING": "1",  # the check then only records, also where figures are left out
    }
    context = _server()
    process = context.Process(
        target=_run, args=(prelude, cells, environment, path.parent, folder / "error"), daemon=True
    )
    process.start()
    process.join(SECONDS)
    if process.is_alive():
        process.kill()
        raise RunError(f"{path.stem} did not end within {SECONDS} s")
    error, measured = folder / "error", folder / f"{key}.json"
    if error.is_file():
        raise RunError(f"{path.stem} ended before its check.\n{error.read_text(encoding='utf-8')}")
    if process.exitcode != 0 or not measured.is_file():
        raise RunError(f"{path.stem} ended before its check, with exit code {process.exitcode}")
    numbers: dict[str, float] = json.loads(measured.read_text(encoding="utf-8"))
    missing = sorted({f"{key}/{name}" for name in figures} - set(numbers))
    if missing:
        raise RunError(f"{path.stem} did not measure {', '.join(missing)}")
    return numbers


def _server() -> ForkServerContext:
    """Return what starts the processes. One thread each: two tests run side by side."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LIBRARIES)
    settings = {"OMP_NUM_THREADS": "1", "KERAS_BACKEND": "torch", "MPLBACKEND": "agg"}
    with mock.patch.dict(os.environ, settings):
        forkserver.ensure_running()
    return context


def _run(
    prelude: str, cells: list[tuple[int, str]], environment: dict[str, str], home: Path, error: Path
) -> None:
    """In the new process: break the package, then run the cells."""
    os.environ.update(environment)
    os.chdir(home)
    place = "the code that breaks the package"
    chapter = types.ModuleType("__main__")
    sys.modules["__main__"] = chapter
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            exec(compile(prelude, place, "exec"), {"__name__": "prelude"})
            for number, source in cells:
                place = f"cell {number}"
                exec(compile(source, place, "exec"), chapter.__dict__)
    except BaseException:
        last = traceback.format_exc().splitlines()[-12:]
        error.write_text("\n".join([f"In {place}:", *last]), encoding="utf-8")
