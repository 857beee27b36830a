"""A ladder that was computed again is compared with the stored one, and a change is noticed."""

import compare_ladders
import pytest

from embgan_edu import figures
from embgan_edu.ladder import STORED, read_table, write_table


def compare(table, tmp_path, monkeypatch) -> str | int | None:
    """Write a table and compare it; return the exit code."""
    path = tmp_path / "ladder.csv"
    write_table(table, {}, path)
    monkeypatch.setattr("sys.argv", ["compare_ladders.py", str(path)])
    with pytest.raises(SystemExit) as stop:
        compare_ladders.main()
    return stop.value.code


def test_the_same_table_agrees(tmp_path, monkeypatch, capsys) -> None:
    assert compare(read_table(STORED)[0], tmp_path, monkeypatch) == 0
    assert "the largest difference is 0.00 points" in capsys.readouterr().out


@pytest.mark.parametrize("share", [0.9, 1.1])
def test_one_method_may_move_as_far_as_a_seed_would_move_it(share, tmp_path, monkeypatch) -> None:
    table, _ = read_table(STORED)
    figure = figures.load_register()["ch10/off-movie"]
    moved = (table["corpus"] == "movie") & (table["method"] == "+ noise")
    moved &= table["n_train"] == 200
    table.loc[moved, "accuracy"] += share * (figure.high - figure.low) / 2
    assert compare(table, tmp_path, monkeypatch) == (share > 1)


def test_a_table_with_other_cells_is_refused(tmp_path, monkeypatch) -> None:
    table, _ = read_table(STORED)
    assert "do not hold the same" in str(compare(table[table["draw"] > 0], tmp_path, monkeypatch))
