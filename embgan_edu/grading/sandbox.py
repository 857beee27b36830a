"""Run a student's notebook in a process of its own, which can be stopped at any moment."""

import contextlib
import json
import os
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import embgan_edu
from embgan_edu.base.cache import cache_dir
from embgan_edu.base.errors import ConfigError
from embgan_edu.checks.engine import Entry, find_exercise, is_entry
from embgan_edu.grading.marking import SKIPPED, checked_answer


@dataclass(frozen=True)
class Limits:
    """What one submission may use.

    Args:
        cell_seconds: For one cell, and for the check of one answer.
        submission_seconds: For all of it, restarts included.
        memory: Bytes, beyond what Python and its libraries need.
        reply: Characters of one reply of the process.
    """

    cell_seconds: float = 60
    submission_seconds: float = 600
    memory: int = 4_000_000_000
    reply: int = 20_000_000


class Stopped(Exception):
    """The process was stopped, or died; the message says why.

    >>> issubclass(Stopped, Exception)
    True
    """


class Template:
    """A process that has imported the libraries: every sandbox begins as a copy of it.

    So the seconds that imports take are spent once, not for every student. It runs no student's
    code, has read no solution, and gets nothing of the grader's environment, which may hold
    passwords. It ends with the process that made it, and ends its copies then.

    Raises:
        ConfigError: The system has no limits that could be set.
    """

    def __init__(self) -> None:
        if sys.platform == "win32":
            raise ConfigError(
                "Windows cannot limit what student code uses; grade in a container or on Linux."
            )
        self._folder = tempfile.TemporaryDirectory(prefix="grading-")
        self._socket, theirs = socket.socketpair()
        environment = {
            name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ
        }
        environment |= {
            "EMBGAN_DEVICE": "cpu",
            "HOME": self._folder.name,
            "KERAS_BACKEND": "torch",
            "OMP_NUM_THREADS": "1",
            "TMPDIR": self._folder.name,
        }
        program = "embgan_edu.grading.student"
        subprocess.Popen(
            [sys.executable, "-I", "-X", "utf8", "-m", program, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder.name,
            env=environment,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()

    def start(self, folder: Path) -> tuple[int, socket.socket]:
        """Make a copy that works in a folder; return its number, and a socket to speak with it.

        Raises:
            Stopped: The template is no longer there.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            request = {"start": str(folder), "cache": str(cache_dir())}
            return self._ask(request, [theirs.fileno()]), ours

    def stop(self, number: int) -> None:
        """End a copy with all that it started."""
        self._ask({"stop": number})

    def _ask(self, request: dict[str, Any], files: Sequence[int] = ()) -> int:
        self._socket.settimeout(120)
        try:
            socket.send_fds(self._socket, [json.dumps(request).encode()], files)
            return int(self._socket.recv(100))
        except (OSError, ValueError) as error:
            template.cache_clear()  # the next sandbox gets a new one
            raise Stopped("the process from which others are copied has ended") from error


@cache
def template() -> Template:
    """Return the template of this process."""
    return Template()


class Sandbox:
    """One process for student code. Use it in a ``with`` statement.

    Args:
        limits: Of time and memory.
        source: What the process is a copy of.

    Attributes:
        layers: What confines the process, as it says itself.

    Raises:
        ConfigError: The system has no limits that could be set.
        Stopped: The process does not start.
    """

    def __init__(self, limits: Limits, source: Template | None = None) -> None:
        self._limits = limits
        self._template = source or template()
        self._folder = Path(tempfile.mkdtemp(prefix="submission-")).resolve()
        self._waiting = b""
        self._number, self._socket = self._template.start(self._folder)
        readable = [cache_dir(), Path(embgan_edu.__file__).parent]
        settings = {"readable": [str(path) for path in readable], "memory": limits.memory}
        self.layers: list[str] = self._ask(settings, seconds=120)["layers"]

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()

    def run(self, source: str) -> dict[str, str]:
        """Run a cell; return its ``output`` and its ``error``.

        Raises:
            Stopped: It took too long, or the process died.
        """
        reply = self._ask({"run": source}, self._limits.cell_seconds)
        return {name: str(reply.get(name, "")) for name in ("output", "error")}

    def probe(self, exercise: str, answer: str, seed: int) -> list[Entry]:
        """Measure an answer that the cells have defined: one entry per part.

        Raises:
            Stopped: It took too long, or the process died or sent something else.
        """
        found = find_exercise(exercise)
        request = {"exercise": exercise, "answer": answer, "seed": seed}
        entries = self._ask(request, self._limits.cell_seconds).get("entries")
        if (
            not isinstance(entries, list)
            or len(entries) != len(found.parts)
            or not all(is_entry(entry) for entry in entries)
        ):
            raise self._stop("it did not answer as it should")
        return entries

    def _ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
            reply = json.loads(self._read_line(seconds))
        except (OSError, ValueError, RecursionError) as error:
            raise self._stop("its process ended, or used up its memory") from error
        if not isinstance(reply, dict):
            raise self._stop("it did not answer as it should")
        return reply

    def _read_line(self, seconds: float) -> bytes:
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            while b"\n" not in self._waiting:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise self._stop(f"it was not done after {seconds:g} seconds")
                block = self._socket.recv(1 << 16)
                if not block:
                    raise self._stop("its process ended, or used up its memory")
                self._waiting += block
                if len(self._waiting) > self._limits.reply:
                    raise self._stop("it returned more than any exercise asks for")
        line, _, self._waiting = self._waiting.partition(b"\n")
        return line

    def _stop(self, why: str = "") -> Stopped:
        """End the process with all that it started, and remove its folder."""
        if self._socket.fileno() >= 0:
            self._socket.close()
            with contextlib.suppress(Stopped):
                self._template.stop(self._number)
            shutil.rmtree(self._folder, ignore_errors=True)
        return Stopped(why)


@dataclass
class Execution:
    """What came of a submission, by the number of the cell.

    Args:
        outputs: What plain cells printed, and their error.
        entries: What the probes measured, for cells that check an answer.
        stopped: Why a cell was stopped.
        layers: What confined the process.
    """

    outputs: dict[int, dict[str, str]] = field(default_factory=dict)
    entries: dict[int, list[Entry]] = field(default_factory=dict)
    stopped: dict[int, str] = field(default_factory=dict)
    layers: list[str] = field(default_factory=list)


def execute(cells: list[Any], seed: int, limits: Limits = Limits()) -> Execution:
    """Run the cells of a notebook from top to bottom, and measure answers where they are checked.

    A cell that has to be stopped is left out, and the rest starts again in a new process. So one
    endless loop costs the points of one exercise.

    Args:
        cells: Of the notebook (nbformat 4).
        seed: Of the numbers on which answers are measured.
        limits: Of time and memory.
    """
    execution = Execution()
    deadline = time.monotonic() + limits.submission_seconds
    while not _execute_once(cells, seed, limits, deadline, execution):
        pass
    return execution


def _execute_once(
    cells: list[Any], seed: int, limits: Limits, deadline: float, execution: Execution
) -> bool:
    """Go through all cells that are not yet stopped; return whether the end was reached."""
    with Sandbox(limits) as sandbox:
        execution.layers = sandbox.layers
        for number, cell in enumerate(cells):
            if cell.cell_type != "code" or SKIPPED & set(cell.metadata.get("tags", ())):
                continue
            if number in execution.stopped or number in execution.entries:
                continue
            if time.monotonic() > deadline:
                execution.stopped[number] = (
                    f"the whole notebook was not done after {limits.submission_seconds:g} seconds"
                )
                continue
            checked = checked_answer(cell.source) if is_check(cell) else None
            try:
                if checked:
                    execution.entries[number] = sandbox.probe(*checked, seed)
                elif not is_check(cell):
                    execution.outputs[number] = sandbox.run(cell.source)
            except Stopped as stopped:
                execution.stopped[number] = str(stopped)
                return False
    return True


def is_check(cell: Any) -> bool:
    """Whether a cell gives points for an answer in another cell."""
    about = cell.metadata.get("nbgrader", {})
    return cell.cell_type == "code" and bool(about.get("grade")) and not about.get("solution")
