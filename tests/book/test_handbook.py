"""The handbook says what the chapters say: their times, what they need, and all of them."""

import re
import subprocess
from functools import cache
from pathlib import Path

import nbformat
import pytest

from embgan_edu.checks.engine import exercises
from embgan_edu.publish.chapters import checkout, list_chapters

ROOT = checkout()
CHAPTERS = {int(chapter.number): chapter for chapter in list_chapters(ROOT)}
HANDBOOK = (ROOT / "book" / "handbook.md").read_text(encoding="utf-8")
PICTURE = (ROOT / "book" / "images" / "chapters.svg").read_text(encoding="utf-8")
PLANS = {"Two weeks": 2, "Six weeks": 6, "Twelve weeks": 12}

HEAD = re.compile(
    r"\*\*You need\*\* (?P<needs>.*?)\. \*\*Time:\*\* (?P<read>\d+) minutes to read, "
    r"about (?P<run>\d+) (?P<unit>minute|second)s? to run\."
)


def numbers(text: str) -> set[int]:
    """The chapters of a text such as "chapters 2, 5 to 7 and 9".

    >>> sorted(numbers("chapters 2, 5 to 7 and 9"))
    [2, 5, 6, 7, 9]
    """
    found = set(map(int, re.findall(r"\d+", text)))
    for first, last in re.findall(r"(\d+) to (\d+)", text):
        found |= set(range(int(first), int(last) + 1))
    return found


@cache
def head(number: int) -> tuple[set[int], int, int]:
    """What a chapter needs, and its minutes to read and seconds to run."""
    found = HEAD.search(nbformat.read(CHAPTERS[number].path, as_version=4).cells[0].source)
    assert found, f"chapter {number} does not say what it needs and how long it takes"
    seconds = int(found["run"]) * (60 if found["unit"] == "minute" else 1)
    return numbers(found["needs"]), int(found["read"]), seconds


def seconds(text: str) -> int:
    """Seconds of a time such as "1 h 5 min" or "2 min 5 s".

    >>> seconds("1 h 5 min"), seconds("2 min 5 s")
    (3900, 125)
    """
    units = {"h": 3600, "min": 60, "s": 1}
    parts = re.findall(r"(\d+) (h|min|s)\b", text)
    assert " ".join(f"{n} {u}" for n, u in parts) == text, f"{text!r} is no time"
    return sum(int(n) * units[unit] for n, unit in parts)


def table(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading."""
    text = re.split(rf"(?m)^#+ {heading}.*$", HANDBOOK)[1]
    lines = re.search(r"(?m)(?:^\|.*\n)+", text)[0].splitlines()
    return [[field.strip() for field in line.strip("|").split("|")] for line in lines[2:]]


def edges_needed() -> set[tuple[int, int]]:
    """The needs of all chapters, without those that follow from others."""

    def reach(number: int) -> set[int]:
        direct = head(number)[0]
        return direct.union(*(reach(other) for other in direct))

    return {
        (need, number)
        for number in CHAPTERS
        for need in head(number)[0]
        if not any(need in reach(other) for other in head(number)[0])
    }


def test_the_arrows_are_what_the_chapters_need() -> None:
    drawn = re.findall(r'<path id="edge-(\d\d)-(\d\d)" d="M', PICTURE)
    assert len(drawn) == len(set(drawn)) == PICTURE.count("<path id=")
    assert {(int(a), int(b)) for a, b in drawn} == edges_needed()


def test_every_arrow_leads_from_the_box_of_one_chapter_to_that_of_the_other() -> None:
    boxes = [
        tuple(map(float, found))
        for found in re.findall(
            r'<rect x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)" rx="7"/>', PICTURE
        )
    ]
    places = {
        int(number): (float(x), float(y))
        for x, y, number in re.findall(r'<text x="(\d+)" y="(\d+)">(\d+)</text>', PICTURE)
    }
    assert places.keys() == CHAPTERS.keys() and len(boxes) == len(places)

    def box_at(x: float, y: float, slack: float) -> int:
        for left, top, width, height in boxes:
            inside = left - slack <= x <= left + width + slack
            if inside and top - slack <= y <= top + height + slack:
                (number,) = (
                    n
                    for n, (a, b) in places.items()
                    if left < a < left + width and top < b < top + height
                )
                return number
        raise AssertionError(f"there is no box at {x}, {y}")

    for source, target, path in re.findall(r'id="edge-(\d\d)-(\d\d)" d="(.*?)"', PICTURE):
        x, y = map(float, re.match(r"M(\d+) (\d+)", path).groups())
        begin = x, y
        for direction, value in re.findall(r"([HV])(\d+)", path):
            x, y = (float(value), y) if direction == "H" else (x, float(value))
        # The head of an arrow ends a little before the box.
        assert (box_at(*begin, slack=0), box_at(x, y, slack=3)) == (int(source), int(target))


def test_the_times_of_each_chapter_are_those_at_its_head() -> None:
    *rows, total = table("Times per chapter")
    assert len(rows) == len(CHAPTERS)
    for (title, needs, read, run), (number, chapter) in zip(rows, CHAPTERS.items(), strict=True):
        assert title == f"{number}. {{doc}}`{chapter.name}`"
        needed, minutes, takes = head(number)
        assert numbers(needs) == needed and (needs == "nothing") == (not needed)
        assert (seconds(read), seconds(run)) == (60 * minutes, takes)
    assert seconds(total[2]) == sum(60 * head(number)[1] for number in CHAPTERS)
    assert seconds(total[3]) == sum(head(number)[2] for number in CHAPTERS)


@pytest.mark.parametrize("plan", PLANS)
def test_the_times_of_a_plan_are_sums_over_its_chapters(plan: str) -> None:
    *weeks, total = table(plan)
    assert [row[0] for row in weeks] == [str(n + 1) for n in range(PLANS[plan])]
    taught: list[int] = []
    for _, chapters, read, run, _, activity in weeks:
        listed = sorted(numbers(chapters))
        assert seconds(read) == sum(60 * head(number)[1] for number in listed)
        assert seconds(run) == sum(head(number)[2] for number in listed)
        assert activity
        taught += listed
    assert taught == sorted(set(taught)), "a chapter comes twice, or before an earlier one"
    for number in taught:
        assert head(number)[0] <= set(taught), f"chapter {number} needs one that is left out"
    assert total[1] == f"{len(taught)} chapters"
    assert seconds(total[2]) == sum(60 * head(number)[1] for number in taught)
    assert seconds(total[3]) == sum(head(number)[2] for number in taught)
    if plan == "Twelve weeks":
        assert taught == list(CHAPTERS)


def test_a_plan_hands_in_what_there_is_and_after_its_chapter() -> None:
    there = {name.rsplit("-", 1)[0] for name in exercises()}
    for plan in PLANS:
        *weeks, _ = table(plan)
        taught: set[int] = set()
        handed_in: list[str] = []
        for _, chapters, _, _, hand_in, _ in weeks:
            taught |= numbers(chapters)
            names = re.findall(r"`(\w+)`", hand_in)
            handed_in += names
            chapters_of = {int(name[2:]) for name in names if name.startswith("ex")}
            assert chapters_of <= taught, f"{plan}: {hand_in} comes before its chapter"
        assert len(handed_in) == len(set(handed_in))
        assert set(handed_in) - {"clinic"} <= there
        if plan == "Twelve weeks":
            assert there <= set(handed_in), "an assignment is missing from the plan with all"
        else:
            with_exercises = {number for number in taught if f"ex{number:02}" in there}
            assert with_exercises <= {int(n[2:]) for n in handed_in if n.startswith("ex")}


def test_what_is_said_of_all_exercises_holds() -> None:
    numbered = {int(name[2:4]) for name in exercises() if name.startswith("ex")}
    assert "Graded exercises** for chapters 2 to 14" in HANDBOOK
    assert numbered == set(range(2, 15))


def test_the_places_of_what_is_generated_are_there_once() -> None:
    lines = HANDBOOK.splitlines()
    assert lines.count("% the table of all assignments") == 1


def test_commands_of_the_handbook_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`make ([a-z-]+)", HANDBOOK)):
        assert re.search(rf"(?m)^{target}:", makefile), f"make {target}"


def test_files_of_canvas_are_sorted_by_the_users_id(tmp_path: Path) -> None:
    script = re.search(r"(?s)```sh\n(for file.*?)```", HANDBOOK)[1]
    names = ["doeanna_12_345_ex04.ipynb", "maierben_LATE_7_890_ex04.ipynb", "liu_9_91_ex04-1.ipynb"]
    for name in names:
        (tmp_path / name).write_text(name, encoding="utf-8")
    subprocess.run(["bash", "-c", script], cwd=tmp_path, check=True)
    moved = {path.parent.name: path.read_text() for path in (tmp_path / "inbox").rglob("*.ipynb")}
    assert moved == dict(zip(["12", "7", "9"], names, strict=True))
