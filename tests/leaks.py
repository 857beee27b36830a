"""Find pieces of the instructor's notebooks in what students get."""

import html
import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import nbformat

REGION = re.compile(r"### BEGIN (SOLUTION|HIDDEN TESTS)\n(.*?)### END \1", re.DOTALL)
# What a region shares with half of all torch programs is shorter than this.
SHORTEST = 80  # characters of a piece, without spaces
LINES = 4


def plain(text: str) -> str:
    """A text without what a page, a formatter, or a notebook may change in it."""
    return re.sub(r"\s|\\n", "", text)


def pieces(path: Path) -> dict[str, str]:
    """What must not be found elsewhere: pieces of the answers and of the named mistakes.

    A region counts as a whole; of a long one also any four lines of it that belong together.
    """
    found = {}
    for cell in nbformat.read(path, as_version=4).cells:
        for _, region in REGION.findall(cell.source):
            lines = [line for line in region.splitlines() if line.strip()]
            windows = ["\n".join(lines[i : i + LINES]) for i in range(len(lines) - LINES + 1)]
            for piece in [region, *windows]:
                if len(plain(piece)) >= (25 if piece is region else SHORTEST):
                    found[plain(piece)] = piece
    return found


@cache
def readable(path: Path) -> str:
    """What somebody could read of a file: of a page its text, of a notebook its cells."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".ipynb":
        text = "\n".join("".join(c["source"]) for c in json.loads(text)["cells"])
    elif path.suffix == ".html":
        text = html.unescape(re.sub(r"<[^>]+>", "", text))
    return plain(text)


def leaks(secrets: dict[str, str], paths: Iterable[Path]) -> list[str]:
    """A line for each piece that is found in one of the files."""
    return [
        f"{path} holds:\n{piece}"
        for path in paths
        for key, piece in secrets.items()
        if key in readable(path)
    ]
