"""Bands follow from what was measured: narrow enough to notice, wide enough to rely on."""

import json
from pathlib import Path
from typing import Any

import calibrate_figures as calibrate
import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from embgan_edu.publish import figures
from embgan_edu.publish.chapters import Chapter


def test_every_band_of_the_register_is_the_derived_one() -> None:
    entries = figures.read_entries()
    calibrated = [entry for entry in entries if "value" in entry]
    assert [calibrate.derive(entry) for entry in calibrated] == calibrated
    assert len(entries) <= calibrate.FIGURES_AT_MOST, "raise it, and derive all bands anew"


def test_a_full_run_fails_by_chance_less_than_once_in_a_thousand() -> None:
    # 200,000 experiments of 20 normal runs and one more. With a budget of 1 figure in 1,000, the
    # misses are binomial: mean 200, standard deviation 14.
    rng = np.random.default_rng(0)
    runs, more = rng.standard_normal((200_000, 20)), rng.standard_normal(200_000)
    mean, sd = runs.mean(axis=1), runs.std(axis=1, ddof=1)
    low, high = calibrate.band(0, 1, 20, 0, decimals=6, n_figures=1)
    assert low == -high
    misses = np.count_nonzero(abs(more - mean) > high * sd)
    assert 140 < misses < 260


def test_the_budget_is_shared_and_more_runs_narrow_the_band() -> None:
    def width(runs: int = 20, n_figures: int = 1) -> float:
        low, high = calibrate.band(5, 1, runs, 0, decimals=3, n_figures=n_figures)
        return high - low

    assert width(n_figures=50) > width(n_figures=2)
    assert width(runs=40) < width(runs=20)
    assert calibrate.band(5, 2, 20, 0, 3, 1)[1] - 5 == pytest.approx(width(), abs=1e-3)


def test_a_band_is_never_narrower_than_the_rounding_or_the_platforms() -> None:
    assert calibrate.band(5, 0, 20, 0.0, decimals=1, n_figures=9) == (4.95, 5.05)
    assert calibrate.band(5, 0, 1, 0.5, decimals=1, n_figures=9) == (3.5, 6.5)


@pytest.fixture
def register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "figures.json"
    entries = [
        {"name": "ch03/a", "what": "a", "unit": "", "decimals": 1},
        {"name": "ch04/b", "what": "b", "unit": "", "decimals": 1},
    ]
    path.write_text(json.dumps(entries), encoding="utf-8")
    monkeypatch.setattr(figures, "REGISTER", path)
    return path


def summary(value: float = 5.0, platform: float = 0.0) -> dict[str, Any]:
    return {
        "value": value,
        "mean": 5.0,
        "sd": 0.1,
        "runs": 20,
        "platform": platform,
        "seeds": "0 to 19",
        "environment": "CPU",
    }


def test_the_register_gets_values_and_bands(register: Path) -> None:
    calibrate.write_register({"ch03/a": summary()}, ["ch03"])
    loaded = figures.load_register()
    assert list(loaded) == ["ch03/a"], "the other chapter is still without a band"
    alone = loaded["ch03/a"]
    assert alone.value == 5.0 and alone.holds(5.0) and not alone.holds(6.0)
    calibrate.write_register({"ch04/b": summary()}, ["ch04"])
    assert figures.load_register()["ch03/a"] == alone, "a new figure moves no other band"


@pytest.mark.parametrize(
    ("summaries", "message"),
    [
        ({}, "not measured: ch03/a"),
        ({"ch03/a": summary(), "ch03/x": summary()}, "no entry: ch03/x = 5.0"),
        ({"ch03/a": summary(value=7.0)}, "leaves out its own value 7.0"),
        ({"ch03/a": summary(value=float("nan"))}, "leaves out its own value nan"),
    ],
)
def test_nothing_is_written_that_would_not_hold(
    register: Path, summaries: dict[str, Any], message: str
) -> None:
    before = register.read_text()
    with pytest.raises(SystemExit, match=message):
        calibrate.write_register(summaries, ["ch03"])
    assert register.read_text() == before


def test_results_are_summarized_over_seeds_and_platforms(tmp_path: Path) -> None:
    def put(case: str, value: float) -> None:
        (tmp_path / case).mkdir()
        (tmp_path / case / "ch03.json").write_text(json.dumps({"ch03/a": value}))

    for seed, value in enumerate([1.0, 2.0, 3.0]):
        put(f"native-1-{seed}", value)
    for (kind, threads), value in zip(calibrate.PLATFORMS, [1.0, 1.2, 0.7, 1.0], strict=True):
        put(f"{kind}-{threads}-0", value)
    result = calibrate.summarize("ch03", tmp_path)["ch03/a"]
    assert (result["value"], result["mean"], result["sd"], result["runs"]) == (1.0, 2.0, 1.0, 3)
    assert result["platform"] == pytest.approx(0.3)


def test_stored_results_are_kept_until_code_changes(tmp_path: Path) -> None:
    def key(code: str, outputs: int = 1) -> str:
        path = tmp_path / "03-x.ipynb"
        nbformat.write(new_notebook(cells=[new_code_cell(code, execution_count=outputs)]), path)
        return calibrate.source_key(Chapter(path))

    assert key("x = 1") == key("x = 1", outputs=2)
    assert key("x = 1") != key("x = 2")
