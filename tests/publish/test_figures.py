"""The register is complete, and a chapter that leaves it is stopped with every name."""

import dataclasses
import json
import math
import re
from pathlib import Path

import pytest

from embgan_edu.base.errors import ConfigError, FigureError
from embgan_edu.publish import figures
from embgan_edu.publish.figures import Figure

GAIN = Figure("ch05/gain", "gain", "points", 1, -0.61, -1.2, 0.1, -0.5, 0.1, 20, 0.0, "0", "CPU")
TEXTS = Figure("ch05/texts", "texts", "", 0, 10043, 10042, 10044, 10043, 0, 1, 0.0, "", "CPU")
OTHER = dataclasses.replace(GAIN, name="ch04/gain")
SANITIZE = Path(__file__).parents[1].joinpath("nbval_sanitize.cfg").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EMBGAN_FIGURES_DIR", "EMBGAN_CALIBRATING"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "figures.json"
    entries = [dataclasses.asdict(figure) for figure in (OTHER, GAIN, TEXTS)]
    entries.append({"name": "ch05/new", "what": "not calibrated", "unit": "", "decimals": 1})
    path.write_text(json.dumps(entries), encoding="utf-8")
    monkeypatch.setattr(figures, "REGISTER", path)
    return path


def test_every_entry_of_the_books_register_is_calibrated() -> None:
    entries = figures.read_entries()
    assert [entry["name"] for entry in entries if "value" not in entry] == []
    assert len(figures.load_register()) == len(entries), "a name stands there twice"
    for figure in figures.load_register().values():
        assert re.fullmatch(r"ch\d\d/[a-z0-9-]+", figure.name)
        assert figure.low < figure.value < figure.high
        assert figure.what and figure.seeds and figure.environment


def test_what_is_published_is_the_mean_with_its_interval_where_seeds_matter() -> None:
    # Student's t(0.975, 19) = 2.093, and 2.093 * 0.1 / sqrt(20) = 0.0468.
    assert GAIN.published() == "-0.5 ± 0.05 points"
    assert TEXTS.published() == "10,043"


def test_figures_in_their_bands_are_printed_and_pass(
    register: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures.check("ch05", {"gain": 0.04, "texts": 10043})
    assert capsys.readouterr().out == (
        "figure      published           band                  this run      verdict  what\n"
        "ch05/gain   -0.5 ± 0.05 points  -1.20 to 0.10         ≈ 0.0         holds    gain\n"
        "ch05/texts  10,043              10,042.0 to 10,044.0  ≈ 10,043      holds    texts\n"
    )


def test_the_band_holds_for_the_raw_number_not_the_printed_one(register: Path) -> None:
    figures.check("ch05", {"gain": 0.1, "texts": 10043})
    with pytest.raises(FigureError, match=r"ch05/gain \(gain\): measured 0.11"):
        figures.check("ch05", {"gain": 0.11, "texts": 10043})


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused(register: Path, wrong: float) -> None:
    with pytest.raises(FigureError, match="ch05/gain"):
        figures.check("ch05", {"gain": wrong, "texts": 10043})


def test_all_figures_out_of_their_bands_are_named(
    register: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(FigureError, match="2 of the 2 figures of ch05") as error:
        figures.check("ch05", {"gain": 9.0, "texts": 1})
    assert "ch05/gain" in str(error.value) and "ch05/texts" in str(error.value)
    assert capsys.readouterr().out.count("OUT") == 2, "the table comes before the error"


def test_a_missing_name_and_an_unknown_one_are_refused(register: Path) -> None:
    with pytest.raises(ConfigError, match="did not measure: ch05/texts"):
        figures.check("ch05", {"gain": 0.0})
    with pytest.raises(ConfigError, match="without a band: ch05/gian") as error:
        figures.check("ch05", {"gain": 0.0, "texts": 10043, "gian": 0.0})
    assert "benchmarks/calibrate_figures.py --chapter 05" in str(error.value)


def test_a_figure_that_was_not_calibrated_has_no_band(register: Path) -> None:
    with pytest.raises(ConfigError, match="without a band: ch05/new"):
        figures.check("ch05", {"gain": 0.0, "texts": 10043, "new": 1.0})


def test_raw_numbers_are_written_also_when_a_figure_is_out(
    register: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBGAN_FIGURES_DIR", str(tmp_path / "measured"))
    with pytest.raises(FigureError):
        figures.check("ch05", {"gain": 9.123456789, "texts": 10043})
    measured = json.loads((tmp_path / "measured" / "ch05.json").read_text())
    assert measured == {"ch05/gain": 9.123456789, "ch05/texts": 10043}


def test_calibrating_records_and_compares_nothing(
    register: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBGAN_FIGURES_DIR", str(tmp_path))
    monkeypatch.setenv("EMBGAN_CALIBRATING", "1")
    figures.check("ch09", {"unheard-of": 5.0})
    assert json.loads((tmp_path / "ch09.json").read_text()) == {"ch09/unheard-of": 5.0}


def test_an_entry_with_other_fields_is_refused_by_name(register: Path) -> None:
    register.write_text(json.dumps([{"name": "ch05/gain", "value": 1.0}]), encoding="utf-8")
    with pytest.raises(ConfigError, match="'ch05/gain'"):
        figures.load_register()


@pytest.mark.parametrize("numbers", [(-0.5, 10043), (0.04, 10042.4), (-1.15, 10043.6)])
def test_nbval_sees_the_same_table_in_every_run_that_holds(numbers: tuple[float, float]) -> None:
    def masked(gain: float, texts: float) -> str:
        table = figures.table([GAIN, TEXTS], {GAIN.name: gain, TEXTS.name: texts})
        return re.sub(mask, "masked", table)

    mask = re.search(r"^regex: (.*)$", SANITIZE, re.MULTILINE)[1]
    assert masked(*numbers) == masked(-0.61, 10043)
    assert masked(*numbers) != masked(9.0, 10043), "a figure that is out must show"


def test_a_table_without_this_run_lists_what_is_published() -> None:
    lines = figures.table([GAIN, TEXTS]).splitlines()
    assert lines[0].split() == ["figure", "published", "band", "what"]
    assert lines[2].split() == ["ch05/texts", "10,043", "10,042.0", "to", "10,044.0", "texts"]


def test_the_appendix_has_a_table_per_chapter() -> None:
    text = figures.markdown([OTHER, GAIN, TEXTS])
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "## Chapter 4",
        "## Chapter 5",
    ]
    assert "| `ch05/gain` | gain | -0.5 ± 0.05 points | -1.20 to 0.10 | 0.10 | 20 |" in text
