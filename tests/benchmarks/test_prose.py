"""Numbers in the prose are found, told from what is no prose, and rewritten."""

import dataclasses
from pathlib import Path

import pytest
from prose import agrees, rewrite, rewrite_book, stated, unmarked

from embgan_edu.publish.figures import Figure

GAIN = Figure("ch05/gain", "gain", "points", 1, -0.5, -1.2, 0.1, -0.61, 0.1, 20, 0.0, "", "")
TEXTS = Figure("ch03/texts", "texts", "", 0, 10043, 10042.5, 10043.5, 10043, 0, 1, 0.0, "", "")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("62.2<!-- ch03/x -->", [("62.2", "ch03/x")]),
        ("**−0.6**<!--ch05/gain--> [−1.2<!-- a -->, 0.1<!-- b -->]",
         [("−0.6", "ch05/gain"), ("−1.2", "a"), ("0.1", "b")]),
        ("10,043<!-- ch03/texts --> texts", [("10,043", "ch03/texts")]),
        ("a number 5 and <!-- a comment -->", []),
    ],
)  # fmt: skip
def test_marked_numbers_are_found(text: str, found: list[tuple[str, str]]) -> None:
    assert stated(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It rose from 62.2 to −0.6, or 1,234.5.", ["62.2", "−0.6", "1,234.5"]),
        ("It has 100 examples, in 16 draws, 95 % of them.", []),
        ("Use `lr=0.1`, or $x = 0.5$, or\n$$\ny = 0.25\n$$\n", []),
        ("```python\nx = 0.1\n```\nthen 0.2", ["0.2"]),
        ("```{admonition} Note\nIt is 0.3.\n```", ["0.3"]),
        ("```{note}\nx\n```\nIt is 0.3.\n```{note}\ny\n```", ["0.3"]),
        ("````{note}\n```python\nx = 0.1\n```\nIt is 0.3.\n````\n0.4", ["0.3", "0.4"]),
        (":::{admonition} Above 0.3\n:width: 0.5\n:::\n0.4", ["0.3", "0.4"]),
        ("```{math}\nx = 0.1\n```", []),
        ("See [the paper](https://arxiv.org/abs/1902.06818) and https://x.org/1.5", []),
        ("{cite}`a2.5` and {numref}`fig-1.5` with version 3.11.7", []),
        ("1.6<!-- given --> and 0.2<!-- ch01/x -->", []),
    ],
)
def test_only_numbers_of_the_prose_need_a_marker(text: str, found: list[str]) -> None:
    assert unmarked(text) == found


def test_a_number_agrees_at_the_figures_decimals_and_with_its_sign() -> None:
    assert agrees("-0.6", GAIN) and agrees("−0.6", GAIN) and agrees("10,043", TEXTS)
    assert agrees("+0.6", dataclasses.replace(GAIN, mean=0.58))
    assert not agrees("0.6", GAIN)
    assert not agrees("-0.5", GAIN), "the value of seed 0 in place of the mean"
    assert not agrees("-0.61", GAIN)
    assert not agrees("10,044", TEXTS)


def test_rewriting_changes_the_number_and_nothing_else(tmp_path: Path) -> None:
    register = {GAIN.name: dataclasses.replace(GAIN, mean=0.84), TEXTS.name: TEXTS}
    before = "Gain **+0.6**<!-- ch05/gain -->, 0.6, 9,999<!-- ch03/texts -->, 1<!-- given -->."
    after = "Gain **+0.8**<!-- ch05/gain -->, 0.6, 10,043<!-- ch03/texts -->, 1<!-- given -->."
    assert rewrite(before, register) == after
    (tmp_path / "a.md").write_text(before, encoding="utf-8")
    (tmp_path / "b.ipynb").write_text(f'{{"source": ["{before}"]}}', encoding="utf-8")
    (tmp_path / "c.md").write_text("nothing", encoding="utf-8")
    assert rewrite_book(tmp_path, register) == ["a.md", "b.ipynb"]
    assert (tmp_path / "b.ipynb").read_text(encoding="utf-8") == f'{{"source": ["{after}"]}}'
    assert rewrite_book(tmp_path, register) == []
