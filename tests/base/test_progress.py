"""The progress line counts right, in a terminal and in a notebook."""

import sys

import nbformat
import pytest
from nbclient import NotebookClient

from embgan_edu.base.progress import track


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("terminal", [True, False])
def test_it_counts_every_step_once_and_draws_in_a_terminal_only(
    enabled: bool,
    terminal: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    assert list(track(57, "training", enabled)) == list(range(57))
    assert ("training" in capsys.readouterr().err) == (enabled and terminal)


def test_a_notebook_keeps_one_line_that_is_always_the_same() -> None:
    code = (
        "from embgan_edu.base.progress import track\nfor _ in track(2000, 'training', True): pass"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs
    assert output.data["text/plain"] == "training: 2,000 of 2,000 steps"
