"""A ladder that was computed again is compared with the stored one, and a change is noticed."""

import compare_ladders
import numpy as np
import pytest

from embgan_edu.publish import figures
from embgan_edu.study.ladder import BEYOND, STORED, read_table, write_table


def compare(table, tmp_path, monkeypatch, name="ladder.csv") -> str | int | None:
    """Write a table and compare it; return the exit code."""
    path = tmp_path / name
    write_table(table, {}, path)
    monkeypatch.setattr("sys.argv", ["compare_ladders.py", str(path)])
    with pytest.raises(SystemExit) as stop:
        compare_ladders.main()
    return stop.value.code


def test_the_same_table_agrees(tmp_path, monkeypatch, capsys) -> None:
    assert compare(read_table(STORED)[0], tmp_path, monkeypatch) == 0
    assert "the largest difference is 0.00 points" in capsys.readouterr().out


@pytest.mark.parametrize("share", [0.9, 1.1])
@pytest.mark.parametrize("method", ["+ noise", "real tweets"])
def test_a_gan_may_move_as_far_as_a_seed_would_move_it(
    method, share, tmp_path, monkeypatch
) -> None:
    table, _ = read_table(STORED)
    figure = figures.load_register()["ch10/live-movie"]
    seed = (figure.high - figure.low) / 2
    allowed = seed if method == "+ noise" else compare_ladders.WITHOUT_TRAINING
    moved = (table["corpus"] == "movie") & (table["method"] == method)
    moved &= table["n_train"] == 100
    table.loc[moved, "accuracy"] += share * allowed
    assert compare(table, tmp_path, monkeypatch) == (share > 1)


def test_an_accuracy_that_is_missing_is_noticed(tmp_path, monkeypatch) -> None:
    table, _ = read_table(STORED)
    table.loc[table["method"] == "SMOTE", "accuracy"] = np.nan
    assert "no accuracy at movie, 100, SMOTE, 0." in str(compare(table, tmp_path, monkeypatch))


def test_a_table_with_other_cells_is_refused(tmp_path, monkeypatch) -> None:
    table, _ = read_table(STORED)
    assert "do not hold the same" in str(compare(table[table["draw"] > 0], tmp_path, monkeypatch))


def test_the_table_after_the_paper_is_compared_with_its_own(tmp_path, monkeypatch, capsys) -> None:
    table, _ = read_table(BEYOND)
    assert compare(table, tmp_path, monkeypatch, "beyond.csv") == 0
    assert "tweets, with a trained model" in capsys.readouterr().out
    table.loc[table["method"] == "aligned tweets", "accuracy"] += 0.2
    assert compare(table, tmp_path, monkeypatch, "beyond.csv") == 1
    assert "possible: ladder.csv, factorial.csv, " in str(
        compare(table, tmp_path, monkeypatch, "other.csv")
    )
