"""The command line: what it prints, and its exit codes."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from embgan_edu import cli
from embgan_edu.data.corpora import Corpus
from embgan_edu.data.embedding import EmbeddedCorpus
from embgan_edu.models.gan import GANConfig
from embgan_edu.publish import doctor, figures
from embgan_edu.publish.doctor import Finding
from embgan_edu.publish.figures import Figure
from embgan_edu.study import recipe

GAIN = Figure("ch03/gain", "gain", "points", 1, 0.5, 0.2, 0.8, 0.5, 0.1, 20, 0.0, "0", "CPU")


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one chapter, which measures a gain that a file sets."""
    (tmp_path / "book").mkdir()
    (tmp_path / "_toc.yml").write_text("parts:\n- chapters:\n  - file: book/03-x\n")
    code = (
        "import json, os, pathlib\n"
        "gain = float(pathlib.Path('gain.txt').read_text())\n"
        "folder = pathlib.Path(os.environ['EMBGAN_FIGURES_DIR'])\n"
        "folder.mkdir(parents=True, exist_ok=True)\n"
        "(folder / 'ch03.json').write_text(json.dumps({'ch03/gain': gain}))\n"
        "assert gain < 5, 'too good to be true'\n"
    )
    nbformat.write(new_notebook(cells=[new_code_cell(code)]), tmp_path / "book" / "03-x.ipynb")
    register = tmp_path / "figures.json"
    register.write_text(json.dumps([dataclasses.asdict(GAIN)]))
    monkeypatch.setattr(figures, "REGISTER", register)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def set_gain(book: Path, gain: float) -> None:
    (book / "book" / "gain.txt").write_text(str(gain))


def test_figures_are_listed(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["figures", "list"]) == 0
    assert "ch03/gain  0.5 ± 0.05 points  0.20 to 0.80  gain" in capsys.readouterr().out


def test_recomputed_figures_are_compared(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    set_gain(book, 0.44)
    before = (book / "book" / "03-x.ipynb").read_bytes()
    assert cli.main(["figures", "recompute", "--chapter", "3"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("[1/1] 03-x ")
    assert "≈ 0.4" in out and out.endswith("1 of 1 figures hold.\n")
    assert (book / "book" / "03-x.ipynb").read_bytes() == before
    assert (book / "_build" / "executed" / "03-x.ipynb").is_file()
    assert cli.main(["figures", "compare"]) == 0


def test_a_figure_out_of_its_band_ends_with_one(
    book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_gain(book, 0.9)
    assert cli.main(["figures", "recompute"]) == 1
    captured = capsys.readouterr()
    assert "OUT" in captured.out and "0 of 1 figures hold." in captured.out
    assert "ch03/gain (gain): measured 0.9, expected 0.2 to 0.8" in captured.err
    assert cli.main(["figures", "compare"]) == 1


def test_a_failing_chapter_ends_with_one(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    set_gain(book, 7)
    assert cli.main(["figures", "recompute"]) == 1
    captured = capsys.readouterr()
    assert "FAILED" in captured.out
    assert "03-x, cell 1 of 1:" in captured.err and "too good to be true" in captured.err


def test_figures_that_were_not_measured_are_named(
    book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["figures", "compare"]) == 1
    captured = capsys.readouterr()
    assert "not run" in captured.out
    assert "Not measured: ch03/gain. Run embgan-edu figures recompute." in captured.err


def test_outputs_are_stored_on_request_only(book: Path) -> None:
    set_gain(book, 0.5)
    assert cli.main(["figures", "recompute", "--store"]) == 0
    stored = nbformat.read(book / "book" / "03-x.ipynb", as_version=4)
    assert stored.cells[0].execution_count == 1


def test_an_error_of_the_reader_is_one_message_without_a_traceback(
    book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["figures", "recompute", "--chapter", "8"]) == 2
    captured = capsys.readouterr()
    assert captured.err == "embgan-edu: There is no chapter '8'; the book has 03.\n"
    assert captured.out == ""


def test_ctrl_c_ends_with_one_line(
    book: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("embgan_edu.publish.chapters.run_chapters", interrupt)
    assert cli.main(["figures", "recompute"]) == 130
    assert capsys.readouterr().err == "embgan-edu: stopped.\n"


@pytest.mark.parametrize("wrong", [[], ["figures"], ["nonsense"], ["figures", "list", "--x"]])
def test_wrong_usage_ends_with_two(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        cli.main(wrong)
    assert exit.value.code == 2
    assert "usage: embgan-edu" in capsys.readouterr().err


def test_no_jobs_at_all_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["figures", "recompute", "--jobs", "0"])
    assert "must be 1 or more, got 0" in capsys.readouterr().err


def test_the_doctor_counts_problems(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = [Finding("Python", "3.12"), Finding("pip", "missing", "Run ensurepip")]
    monkeypatch.setattr(doctor, "examine", lambda: findings)
    assert cli.main(["doctor"]) == 1
    assert capsys.readouterr().out == (
        "ok Python  3.12\n!! pip     missing\n           Run ensurepip\n\n1 problem found.\n"
    )
    monkeypatch.setattr(doctor, "examine", lambda: findings[:1])
    assert cli.main(["doctor"]) == 0
    assert capsys.readouterr().out.endswith("All is well.\n")


@pytest.mark.data
def test_the_data_are_described(real_data: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data"]) == 0
    out = capsys.readouterr().out
    assert "license MIT" in out
    assert "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9, verified" in out
    assert "movie       10,043     5,061     4,982" in out


def test_data_that_cannot_be_fetched_are_told_in_two_lines(
    cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    assert cli.main(["data"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("embgan-edu: Cannot fetch vaderSentiment-3.3.2.tar.gz")
    assert err.count("\n") == 2


@pytest.fixture
def small_ladder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Toy corpora in place of the book's, GANs that train in no time, and a cache apart."""
    monkeypatch.setenv("EMBGAN_CACHE", str(tmp_path / "cache"))
    small = GANConfig(latent_dim=4, hidden=16, steps=10, batch_size=16)
    monkeypatch.setattr(recipe, "GANConfig", lambda: small)

    def embed(corpus: Corpus | str) -> EmbeddedCorpus:
        name = corpus if isinstance(corpus, str) else corpus.name
        names = ("negative", "positive") if isinstance(corpus, str) else corpus.label_names
        y = np.arange(120) % len(names) if isinstance(corpus, str) else corpus.labels
        X = np.random.default_rng(len(name)).normal(size=(len(y), 5)) + y[:, None]
        return EmbeddedCorpus(name, X, y, names, 0)

    monkeypatch.setattr(cli, "embed", embed)


LADDER_ARGUMENTS = ["--n-train", "24", "--draws", "3", "--method", "jitter", "+ smoothing"]


def test_the_ladder_prints_and_writes_its_table(
    small_ladder: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = [str(tmp_path / name) for name in ("table.csv", "table.json")]
    arguments = ["ladder", "--domain", "movie", "product", *LADDER_ARGUMENTS, "--output", *written]
    assert cli.main(arguments) == 0
    printed, progress = capsys.readouterr()
    assert "movie, 24 training rows, 3 draws, seed 2019" in printed
    assert "product, 24 training rows" in printed and "The whole recipe" in printed
    assert "[2/2] movie, 24 rows, 3 draws: + smoothing" in progress
    table = pd.read_csv(written[0], comment="#")
    assert len(table) == 2 * 4 * 3
    whole = json.loads(Path(written[1]).read_text(encoding="utf-8"))
    assert whole["training_seed"] == 0 and len(whole["rows"]) == len(table)
    # The second time everything is read.
    assert cli.main(arguments) == 0
    again, progress = capsys.readouterr()
    assert again == printed and "rows, 3 draws:" not in progress


def test_the_ladder_runs_on_the_readers_own_texts(
    small_ladder: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("bad", "fine", "good")
    lines = [f"text number {i},{names[i % 3]}" for i in range(120)]
    path = tmp_path / "mine.csv"
    path.write_text("review,verdict\n" + "\n".join(lines), encoding="utf-8")
    columns = ["--data", str(path), "--text", "review", "--label", "verdict"]
    sizes = ["--n-train", "24", "--draws", "3"]
    assert cli.main(["ladder", *columns, *sizes, "--method", "+ consistency"]) == 0
    printed = capsys.readouterr().out
    assert "bad, fine, good, not negative, positive: the tweets cannot help" in printed
    assert "The last rung run, '+ consistency'," in printed
    assert cli.main(["ladder", *columns, *sizes, "--method", "+ noise"]) == 2
    assert "excludes '+ noise'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--draws", "1"], "draws=1; expected a whole number of 2"),
        (["--output", "table.xlsx"], "'.xlsx'; expected .csv or .json"),
        (["--text", "review"], "give --data FILE too"),
        (["--data", "x.csv"], "needs --text COLUMN and --label COLUMN"),
        (["--data", "x.csv", "--domain", "movie"], "either --domain or --data"),
        (["--data", "x.csv", "--text", "a", "--label", "b"], "no file x.csv"),
        (["--n-train", "500"], "n_train=500, but the corpus"),
        (["--method", "magic"], "no method 'magic'"),
        (["--seed", "-1"], "random_state=-1"),
    ],
)
def test_the_ladder_refuses_what_cannot_work(
    small_ladder: None, wrong: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["ladder", *wrong]) == 2
    assert message in capsys.readouterr().err


def test_grading_says_what_is_missing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main(["course", "autograde", str(tmp_path / "inbox")]) == 2
    error = capsys.readouterr().err
    assert f"There is no folder {tmp_path / 'inbox'}; expected one folder per student" in error
    monkeypatch.delitem(sys.modules, "embgan_edu.grading.course")
    monkeypatch.delattr("embgan_edu.grading.course")
    monkeypatch.setitem(sys.modules, "nbgrader.api", None)
    assert cli.main(["course", "grades"]) == 2
    assert "pip install 'embgan-edu[grading]'" in capsys.readouterr().err


def test_the_package_itself_is_the_command() -> None:
    command = [sys.executable, "-m", "embgan_edu", "figures", "list"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0 and "ch05/gain-movie" in run.stdout
    run = subprocess.run([*command[:3], "no-such"], capture_output=True, text=True, check=False)
    assert run.returncode == 2 and "invalid choice" in run.stderr
