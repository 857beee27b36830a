"""The process in which student code runs: ``python -m embgan_edu.grading.student``.

It reads requests, one line of JSON each, and answers with one line of JSON each. Before the first
line of student code it gives up what it does not need (:mod:`embgan_edu.grading.jail`).

It is given the cells of one submission and the names of exercises. It never sees what is right, nor
which mistakes are known: the other side of the pipe decides about points.
"""

import contextlib
import io
import json
import os
from pathlib import Path
from typing import IO, Any

MOST_PRINTED = 1_000_000  # characters, in one cell
MOST_SHOWN = 3_000  # of these, in the feedback


class TooMuchPrinted(RuntimeError):
    """A cell has printed more than anybody will read.

    >>> issubclass(TooMuchPrinted, RuntimeError)
    True
    """


class CappedText(io.TextIOBase):
    """A standard output that keeps the beginning, and raises an error when it gets too much.

    Example:
        >>> output = CappedText()
        >>> print("a row", file=output)
        >>> output.shown()
        'a row\\n'
    """

    def __init__(self) -> None:
        self.kept = ""
        self.total = 0

    def write(self, text: str) -> int:
        """Keep the text, or raise TooMuchPrinted."""
        self.total += len(text)
        self.kept += text[: max(0, MOST_SHOWN - len(self.kept))]
        if self.total > MOST_PRINTED:
            raise TooMuchPrinted(f"The cell printed more than {MOST_PRINTED:,} characters.")
        return len(text)

    def shown(self) -> str:
        """The beginning of what was written."""
        cut = self.total - len(self.kept)
        return self.kept + (f"\n... and {cut:,} characters more" if cut else "")


def main() -> None:
    """Serve requests until there are no more."""
    # Student code that writes to the standard output's number must not reach the pipe.
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)

    from embgan_edu.grading.jail import confine, leave_the_network

    alone = leave_the_network()  # before there are threads
    settings = json.loads(requests.readline())
    shell = _open_shell()
    layers = confine([Path(path) for path in settings["readable"]], Path.cwd(), settings["memory"])
    _send(replies, {"layers": ["no network"] * alone + layers})
    for line in requests:
        request = json.loads(line)
        if "run" in request:
            _send(replies, _run(shell, request["run"]))
        else:
            _send(replies, _probe(shell.user_ns, **request))


def _open_shell() -> Any:
    """An IPython shell without a history, with all that probes import already imported."""
    import matplotlib
    from IPython.core.interactiveshell import InteractiveShell

    from embgan_edu.checks import engine

    class Shell(InteractiveShell):
        def enable_gui(self, gui: str | None = None) -> None:
            """For ``%matplotlib``: there is no window, and none is needed."""

    matplotlib.use("agg")
    engine.exercises()
    shell = Shell.instance(colors="nocolor")
    if shell.history_manager is not None:
        shell.history_manager.enabled = False
    return shell


def _run(shell: Any, source: str) -> dict[str, str]:
    """Run one cell; return what it printed, and its error."""
    output = CappedText()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            result = shell.run_cell(source)
            error = result.error_before_exec or result.error_in_exec
        except TooMuchPrinted as raised:  # while IPython printed another error
            error = raised
    if error is None:
        return {"output": output.shown(), "error": ""}
    return {"output": output.shown(), "error": f"{type(error).__name__}: {str(error)[:300]}"}


def _probe(namespace: dict[str, Any], exercise: str, answer: str, seed: int) -> dict[str, Any]:
    """Measure one answer."""
    from embgan_edu.checks import engine

    output = CappedText()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            found = engine.find_exercise(exercise)
            entries = engine.measure(found, namespace[answer], seed)
        except KeyError:
            entries = [{"error": f"there is no {answer}: its cell is empty, or failed"}]
            entries *= len(found.parts)
    return {"entries": entries}


def _send(replies: IO[str], reply: dict[str, Any]) -> None:
    replies.write(json.dumps(reply) + "\n")
    replies.flush()


if __name__ == "__main__":
    main()
