"""Chapters are found, executed from a clean start, and reported on."""

import signal
import threading
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from embgan_edu.base.errors import ConfigError
from embgan_edu.publish.chapters import (
    Chapter,
    ChapterError,
    checkout,
    find_chapters,
    list_chapters,
    read_measured,
    run_chapter,
    run_chapters,
    side_by_side,
)


def write(path: Path, *code: str, tags: tuple[str, ...] = ()) -> Path:
    """A notebook whose first code cell has the tags, with outputs that are stale."""
    cells = [new_markdown_cell("# A chapter")]
    for source in code:
        stale = [new_output("stream", name="stdout", text="stale")]
        cells.append(new_code_cell(source, execution_count=99, outputs=stale))
    cells[1].metadata["tags"] = list(tags)
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=cells), path)
    return path


def printed(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "".join(o.get("text", "") for c in cells if c.cell_type == "code" for o in c.outputs)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    (tmp_path / "_toc.yml").write_text(
        "root: book/intro\nparts:\n- chapters:\n  - file: book/02-b\n  - file: book/01-a\n"
        "- chapters:\n  - file: book/setup\n",
        encoding="utf-8",
    )
    write(tmp_path / "book" / "01-a.ipynb", "import os", "print(os.environ['EMBGAN_FIGURES_DIR'])")
    write(tmp_path / "book" / "02-b.ipynb", "1", "raise ValueError('first line\\nsecond line')")
    (tmp_path / "book" / "setup.md").write_text("# Set-up", encoding="utf-8")
    return tmp_path


def test_chapters_are_the_notebooks_of_the_table_of_contents_in_its_order(book: Path) -> None:
    assert [chapter.name for chapter in list_chapters(book)] == ["02-b", "01-a"]
    assert [chapter.key for chapter in find_chapters(book, ["1", "02"])] == ["ch01", "ch02"]
    with pytest.raises(ConfigError, match=r"no chapter '7'; the book has 02, 01"):
        find_chapters(book, ["7"])


def test_the_checkout_is_found_from_a_folder_in_it_and_from_the_package(
    book: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(book / "book")
    assert checkout() == book
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    assert checkout() == Path(__file__).parents[2]
    installed = elsewhere / "site-packages" / "embgan_edu" / "chapters.py"
    monkeypatch.setattr("embgan_edu.publish.chapters.__file__", str(installed))
    with pytest.raises(ConfigError, match="Clone the repository"):
        checkout()


def test_a_chapter_runs_from_a_clean_start_and_is_stored_the_same_every_time(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "01-a.ipynb", "print(1)", "print(2)\n3")
    before = path.read_bytes()
    run_chapter(path, tmp_path / "out" / "01-a.ipynb")
    assert path.read_bytes() == before
    run_chapter(path, path)
    first = path.read_bytes()
    run_chapter(path, path)
    assert path.read_bytes() == first == (tmp_path / "out" / "01-a.ipynb").read_bytes()
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert [cell.get("execution_count") for cell in notebook.cells] == [None, 1, 2]
    assert printed(path) == "1\n2\n"
    assert notebook.metadata["language_info"] == {"name": "python"}


def test_parameters_replace_defaults_and_a_prelude_comes_first(tmp_path: Path) -> None:
    path = write(
        tmp_path / "01-a.ipynb",
        "SEED = 0\nsorted_by = sorted([2, 1])",
        "print(SEED, sorted_by)",
        tags=("parameters",),
    )
    breaks = "import builtins\nbuiltins.sorted = list"
    run_chapter(path, tmp_path / "o.ipynb", parameters={"SEED": 7}, prelude=breaks)
    assert printed(tmp_path / "o.ipynb") == "7 [2, 1]\n"
    with pytest.raises(ConfigError, match="does not set DEED"):
        run_chapter(path, tmp_path / "o.ipynb", parameters={"DEED": 7})
    untagged = write(tmp_path / "02-b.ipynb", "SEED = 0")
    with pytest.raises(ConfigError, match="no cell with the tag 'parameters'"):
        run_chapter(untagged, tmp_path / "o.ipynb", parameters={"SEED": 7})


def test_a_failing_cell_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    path = write(tmp_path / "04-x.ipynb", "1", "raise ValueError('first line\\nsecond line')", "3")
    before = path.read_bytes()
    with pytest.raises(ChapterError) as error:
        run_chapter(path, path, prelude="x = 1")
    message = str(error.value)
    assert message.startswith("04-x, cell 3 of 4:")
    assert message.endswith("ValueError: first line\n    second line")
    assert "\x1b" not in message
    assert path.read_bytes() == before


def test_chapters_run_beside_each_other_and_one_failure_does_not_stop_the_rest(
    book: Path,
) -> None:
    lines: list[str] = []
    figures = book / "figures"
    outcomes = run_chapters(
        list_chapters(book), book / "out", figures=figures, jobs=2, report=lines.append
    )
    assert [(o.chapter.name, bool(o.error)) for o in outcomes] == [("02-b", True), ("01-a", False)]
    assert "02-b, cell 3 of 3:" in outcomes[0].error
    assert sorted(line[:5] for line in lines) == ["[1/2]", "[2/2]"]
    assert [line.endswith("FAILED") for line in sorted(lines, key=lambda line: line[6:])] == [
        False,
        True,
    ]
    assert printed(book / "out" / "01-a.ipynb") == f"{figures.resolve()}\n"
    assert not (book / "out" / "02-b.ipynb").exists()


def test_numbers_measured_before_a_failed_run_are_not_shown_again(book: Path) -> None:
    figures = book / "figures"
    figures.mkdir()
    (figures / "ch01.json").write_text('{"ch01/x": 1.0}')
    (figures / "ch02.json").write_text('{"ch02/x": 2.0}')
    assert read_measured(figures) == {"ch01/x": 1.0, "ch02/x": 2.0}
    run_chapters(
        [Chapter(book / "book" / "02-b.ipynb")], book, figures=figures, report=lambda _: None
    )
    assert read_measured(figures) == {"ch01/x": 1.0}


def test_the_longest_chapter_starts_first(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []

    def note(path: Path, into: Path, **others: object) -> None:
        started.append(path.stem)

    monkeypatch.setattr("embgan_edu.publish.chapters.run_chapter", note)

    def order() -> list[str]:
        started.clear()
        run_chapters(
            list_chapters(book), book, figures=book / "figures", jobs=1, report=lambda _: None
        )
        return list(started)

    assert order() == ["02-b", "01-a"], "without times, a later chapter counts as longer"
    (book / "figures" / "seconds.json").write_text('{"01-a": 60.0, "02-b": 5.0}')
    assert order() == ["01-a", "02-b"]


def test_chapters_share_the_cores_and_one_alone_gets_them_all(
    book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []

    def note(path: Path, into: Path, *, environment: dict[str, str]) -> None:
        threads.append(environment["OMP_NUM_THREADS"])

    monkeypatch.setattr("embgan_edu.publish.chapters.run_chapter", note)
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    both = list_chapters(book)
    for chapters in (both, both[:1]):
        run_chapters(chapters, book, figures=book / "figures", jobs=2, report=lambda _: None)
    assert threads == ["4", "4", "8"]


def test_ctrl_c_does_not_wait_for_what_is_under_way() -> None:
    ended, started, finished = threading.Event(), [], []

    def run(task: int) -> None:
        started.append(task)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        ended.wait(60)
        finished.append(task)

    with pytest.raises(KeyboardInterrupt):
        side_by_side(run, [1, 2], jobs=1)
    assert finished == []
    ended.set()
    assert started == [1], "what was waiting does not start any more"


def test_an_error_nobody_expected_is_not_lost() -> None:
    with pytest.raises(ZeroDivisionError):
        side_by_side(lambda task: 1 // task, [1, 0, 2], jobs=2)
