"""The stored chapters pass every guard, and every guard notices a chapter that is not right."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import guards
import nbformat
import pytest
import readme_picture
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from scipy import stats

from embgan_edu.publish import figures
from embgan_edu.publish.chapters import checkout, list_chapters

CHAPTERS = [chapter.path for chapter in list_chapters(checkout())]
FIGURE = figures.Figure(
    "ch07/gain", "gain, movie reviews", "points", 1, -0.5, -1.2, 0.1, -0.61, 0.1, 20, 0.0, "", ""
)
ALT = "A wide cloud of blue points, and a tight one of orange points inside it."


@pytest.mark.parametrize("guard", guards.GUARDS, ids=lambda guard: guard.__name__)
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_stored_chapter_is_as_it_must_be(guard: Callable[[Path], list[str]], path: Path) -> None:
    assert guard(path) == []


def test_every_notebook_of_the_book_is_in_its_table_of_contents() -> None:
    assert sorted((checkout() / "book").glob("*.ipynb")) == CHAPTERS


@pytest.mark.parametrize("path", sorted((checkout() / "book").glob("*.md")), ids=lambda p: p.stem)
def test_numbers_on_the_other_pages_are_published_too(path: Path) -> None:
    notebook = new_notebook(cells=[new_markdown_cell(path.read_text(encoding="utf-8"))])
    assert guards.numbers_are_published_in(notebook) == []


def test_the_picture_of_the_readme_is_the_one_in_the_book() -> None:
    message = "the chapter has changed since; run `make notebooks`"
    assert readme_picture.PICTURE.read_bytes() == readme_picture.stored_picture(), message
    assert "book/images/staircase.png" in (checkout() / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "mean", "within"),
    [
        # Chapter 5 and the README: the plain GAN loses about one and a half points.
        ("ch05/gain-movie", -1.5, 0.25),
        ("ch05/gain-product", -1.5, 0.25),
        # Chapter 6: consistency alone adds about one point, and there is a loss all the same.
        ("ch06/step-up", 1.0, 0.25),
        ("ch06/gain-with", -0.7, 0.25),
        # Chapter 7: a gain of one point on movies, a little under two on products.
        ("ch07/gain-movie", 1.0, 0.25),
        ("ch07/gain-product", 1.7, 0.25),
        # Chapter 10: about the same with the whole recipe.
        ("ch10/live-movie", 1.0, 0.25),
        ("ch10/live-product", 1.9, 0.25),
    ],
)
def test_the_mean_over_training_seeds_is_what_the_text_says(
    name: str, mean: float, within: float
) -> None:
    """A band holds single runs, and may hold zero; these are claims about 20 of them."""
    figure = figures.load_register()[name]
    half = stats.t.ppf(0.975, figure.runs - 1) * figure.sd / figure.runs**0.5
    assert figure.runs == 20
    assert abs(figure.mean) > half, "the interval of the mean does not hold zero"
    assert figure.mean == pytest.approx(mean, abs=within)


@pytest.mark.parametrize("domain", ["movie", "product"])
def test_a_training_seed_moves_the_gain_by_a_little_over_two_tenths(domain: str) -> None:
    """So says chapter 10 of the whole recipe on 16 draws."""
    assert 0.2 < figures.load_register()[f"ch10/live-{domain}"].sd < 0.27


@pytest.mark.parametrize("domain", ["movie", "product"])
def test_the_whole_band_of_the_vendi_ratio_is_about_a_quarter(domain: str) -> None:
    """So say chapter 5 and the README of the directions that the plain GAN uses."""
    ratio = figures.load_register()[f"ch05/vendi-{domain}"]
    assert 0.2 < ratio.low < ratio.high < 0.35


@pytest.mark.parametrize("domain", ["movie", "product"])
def test_real_rows_with_guessed_labels_change_less_than_half_a_point(domain: str) -> None:
    """So chapter 5 says that neither fidelity nor diversity brings a gain by itself."""
    guessed, true, gaussian = (
        figures.load_register()[f"ch05/{name}-{domain}"]
        for name in ("guessed", "true", "gain-gaussian")
    )
    assert abs(guessed.mean) + 2 * guessed.sd < 0.5, "nor does nearly any single run"
    assert true.low > 3
    assert gaussian.mean < 0


def good_chapter() -> nbformat.NotebookNode:
    opening = (
        "# A chapter\n\n**Objectives:** none.\n**Prerequisites:** none.\n"
        "**Time:** 10 minutes to read, 5 seconds to run."
    )
    table = figures.table([FIGURE], {FIGURE.name: -0.58})
    return new_notebook(
        cells=[
            new_markdown_cell(opening),
            new_markdown_cell("It gained −0.6<!-- ch07/gain --> points, not 1.6<!-- given -->."),
            new_code_cell(
                "plot()",
                execution_count=1,
                outputs=[new_output("display_data", {"image/png": "aaaa"})],
                metadata={
                    "mystnb": {
                        "image": {"alt": ALT},
                        "figure": {"name": "clouds", "caption": "Two clouds."},
                    }
                },
            ),
            new_code_cell(
                'figures.check("ch07", {"gain": gain})',
                execution_count=2,
                outputs=[new_output("stream", name="stdout", text=table + "\n")],
                metadata={"tags": ["nbval-check-output"]},
            ),
            new_markdown_cell("## Take-aways\n\nNone."),
        ]
    )


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    monkeypatch.setattr(figures, "load_register", lambda: {FIGURE.name: FIGURE})

    def write(notebook: nbformat.NotebookNode) -> Path:
        path = tmp_path / "07-a-chapter.ipynb"
        nbformat.write(notebook, path)
        return path

    return write


def test_a_good_chapter_passes(write: Callable[..., Path]) -> None:
    path = write(good_chapter())
    assert {guard.__name__: guard(path) for guard in guards.GUARDS} == {
        guard.__name__: [] for guard in guards.GUARDS
    }


def unrun(notebook: nbformat.NotebookNode) -> None:
    notebook.cells[3].execution_count = None


def out_of_order(notebook: nbformat.NotebookNode) -> None:
    notebook.cells[2].execution_count, notebook.cells[3].execution_count = 2, 1


def without_outputs(notebook: nbformat.NotebookNode) -> None:
    for cell in notebook.cells[2:4]:
        cell.outputs = []


def with_error(notebook: nbformat.NotebookNode) -> None:
    error = new_output("error", ename="E", evalue="", traceback=[])
    notebook.cells[2].outputs.append(error)


def with_warning(notebook: nbformat.NotebookNode) -> None:
    notebook.cells[2].outputs.append(new_output("stream", name="stderr", text="Warning"))


def other_number(notebook: nbformat.NotebookNode) -> None:
    notebook.cells[1].source = "It gained −0.7<!-- ch07/gain --> points."


def opposite_number(notebook: nbformat.NotebookNode) -> None:
    notebook.cells[1].source = "It gained 0.6<!-- ch07/gain --> points."


def unknown_figure(notebook: nbformat.NotebookNode) -> None:
    notebook.cells[1].source = "It gained −0.6<!-- ch07/gian --> points."


def unmarked_number(notebook: nbformat.NotebookNode) -> None:
    notebook.cells[1].source = "It gained −0.6 points."


def unmarked_number_in_caption(notebook: nbformat.NotebookNode) -> None:
    notebook.cells[2].metadata.mystnb.figure.caption = "A gain of 0.6 points."


def unchecked(notebook: nbformat.NotebookNode) -> None:
    notebook.cells[3].source = "print('all is well')"


def untagged(notebook: nbformat.NotebookNode) -> None:
    notebook.cells[3].metadata = {}


def stale_table(notebook: nbformat.NotebookNode) -> None:
    stale = figures.table([dataclasses.replace(FIGURE, high=0.5)], {FIGURE.name: -0.58})
    notebook.cells[3].outputs[0].text = stale


def picture_without_alt(notebook: nbformat.NotebookNode) -> None:
    notebook.cells[2].metadata.mystnb.image.alt = "plot"


def picture_without_caption(notebook: nbformat.NotebookNode) -> None:
    del notebook.cells[2].metadata["mystnb"]["figure"]


def without_title(notebook: nbformat.NotebookNode) -> None:
    notebook.cells[0].source = notebook.cells[0].source.removeprefix("# ")


def without_times(notebook: nbformat.NotebookNode) -> None:
    notebook.cells[0].source = notebook.cells[0].source.replace("to read", "")


def without_take_aways(notebook: nbformat.NotebookNode) -> None:
    notebook.cells.pop()


def heavy(notebook: nbformat.NotebookNode) -> None:
    notebook.cells[2].outputs[0].data["image/png"] = "a" * guards.MAX_BYTES


def with_a_path(notebook: nbformat.NotebookNode) -> None:
    notebook.cells[3].outputs[0].text += "saved to /home/me/x\n"


@pytest.mark.parametrize(
    ("spoil", "guard"),
    [
        (unrun, guards.run_in_order),
        (out_of_order, guards.run_in_order),
        (without_outputs, guards.has_outputs),
        (with_error, guards.no_errors),
        (with_warning, guards.no_errors),
        (other_number, guards.numbers_are_published),
        (opposite_number, guards.numbers_are_published),
        (unknown_figure, guards.numbers_are_published),
        (unmarked_number, guards.numbers_are_marked),
        (unmarked_number_in_caption, guards.numbers_are_marked),
        (unchecked, guards.figures_are_checked),
        (untagged, guards.figures_are_checked),
        (stale_table, guards.figures_are_checked),
        (picture_without_alt, guards.pictures_are_described),
        (picture_without_caption, guards.pictures_are_described),
        (without_title, guards.opens_and_closes),
        (without_times, guards.opens_and_closes),
        (without_take_aways, guards.opens_and_closes),
        (heavy, guards.is_light),
        (with_a_path, guards.names_no_machine),
    ],
)
def test_a_guard_notices(
    spoil: Callable[[nbformat.NotebookNode], None],
    guard: Callable[[Path], list[str]],
    write: Callable[..., Path],
) -> None:
    notebook = good_chapter()
    spoil(notebook)
    assert guard(write(notebook)) != []
