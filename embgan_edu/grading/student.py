"""The process in which student code runs: a copy of ``python -m embgan_edu.grading.student``.

That program imports the libraries once, and makes a copy of itself for every submission. A copy
reads requests, one line of JSON each, and answers with one line of JSON each. Before the first line
of student code it gives up what it does not need (:mod:`embgan_edu.grading.jail`).

It is given the cells of one submission and the names of exercises. It never sees what is right, nor
which mistakes are known: the other side of the socket decides about points.
"""

import contextlib
import io
import json
import os
import signal
import socket
import sys
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
    """Make copies, and end them, as the grader asks; end them all when the grader has ended."""
    grader = socket.socket(fileno=int(sys.argv[1]))
    if sys.platform.startswith("linux"):  # elsewhere, libraries do not survive being copied
        _import_libraries()
    copies: set[int] = set()
    while True:
        message, files, _, _ = socket.recv_fds(grader, 10_000, 1)
        request = json.loads(message) if message else {}
        if "start" in request:
            number = os.fork()
            if number == 0:
                grader.close()
                _begin(files[0], request["start"], request["cache"])
            os.close(files[0])
            copies.add(number)
            grader.sendall(b"%d" % number)
            continue
        for number in {request["stop"]} if message else copies:
            # A copy that has not yet begun has no group of its own.
            for kill in (os.kill, os.killpg):
                with contextlib.suppress(ProcessLookupError):
                    kill(number, signal.SIGKILL)
            os.waitpid(number, 0)
        if not message:
            return
        copies.remove(request["stop"])
        grader.sendall(b"0")


def _import_libraries() -> None:
    """Import what student code and probes need, so that no copy has to."""
    import IPython.core.interactiveshell  # noqa: F401
    import matplotlib.pyplot

    from embgan_edu.checks import engine

    matplotlib.use("agg")
    engine.exercises()


def _begin(file: int, folder: str, cache: str) -> None:
    """Be a copy: serve one submission, and end."""
    try:
        os.setsid()
        os.chdir(folder)
        os.environ |= {"EMBGAN_CACHE": cache, "HOME": folder, "TMPDIR": folder}
        with socket.socket(fileno=file) as grader:
            _serve(grader.makefile(encoding="utf-8"), grader.makefile("w", encoding="utf-8"))
    finally:
        os._exit(0)


def _serve(requests: IO[str], replies: IO[str]) -> None:
    """Serve requests until there are no more."""
    from embgan_edu.grading.jail import confine, leave_the_network

    alone = leave_the_network()  # before there are threads
    settings = json.loads(requests.readline())
    _import_libraries()
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
    """An IPython shell without a history."""
    from IPython.core.interactiveshell import InteractiveShell

    class Shell(InteractiveShell):
        def enable_gui(self, gui: str | None = None) -> None:
            """For ``%matplotlib``: there is no window, and none is needed."""

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
