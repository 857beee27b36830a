"""Numbers in the book's prose: each carries the name of its figure, in a comment nobody sees.

``62.2<!-- ch03/accuracy-movie-100 -->`` is a number of ours, and ``1.6<!-- given -->`` one that we
were given, such as a result of a paper.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import nbformat

from embgan_edu.publish.figures import Figure

NUMBER = r"(?P<number>[-+−]?\d[\d,]*(?:\.\d+)?)"
MARKED = re.compile(NUMBER + r"(?P<bold>\*{0,2})<!-- *(?P<name>\S+) *-->")
DECIMAL = re.compile(r"(?<![\w.])[-+−]?\d[\d,]*\.\d+(?![\w.]*\w)")
FENCE = re.compile(r"\s*(`{3,}|~{3,}|:{3,})\s*(.*)")
CODE_DIRECTIVE = re.compile(r"\{(math|code)")
OPTION = re.compile(r"\s*:[\w-]+:")
# What is not prose within a line, or across lines: mathematics, roles such as {cite}`…`, code,
# addresses, comments.
NOT_PROSE = [
    r"(?s)\$\$.*?\$\$",
    r"(?<!\\)\$[^$\n]+\$",
    r"(?:\{[\w:.-]+\})?(?<!`)(`{1,2})(?!`)[^`\n]+\1(?!`)",
    r"\]\([^)\s]+\)",
    r"<?https?://\S+",
    r"(?s)<!--.*?-->",
]


def stated(text: str) -> list[tuple[str, str]]:
    """Return the marked numbers of a text: what stands there, and the name behind it.

    >>> stated("It scored **−0.6**<!-- ch05/gain-movie --> points.")
    [('−0.6', 'ch05/gain-movie')]
    """
    return [(match["number"], match["name"]) for match in MARKED.finditer(text)]


def unmarked(text: str) -> list[str]:
    """Return the decimal numbers of a text that nothing vouches for.

    >>> unmarked("From 62.2 to 64.8<!-- ch03/accuracy --> with `lr=0.1`.")
    ['62.2']
    """
    text = MARKED.sub("", _without_code_blocks(text))
    for pattern in NOT_PROSE:
        text = re.sub(pattern, " ", text)
    return DECIMAL.findall(text)


def agrees(number: str, figure: Figure) -> bool:
    """Tell whether a number in the prose is the mean over seeds, at the figure's decimals."""
    return _plain(number) == _plain(figure.text(figure.mean))


def rewrite(text: str, figures: Mapping[str, Figure]) -> str:
    """Return the text with every marked number replaced by the published one."""

    def put(match: re.Match[str]) -> str:
        figure = figures.get(match["name"])
        if figure is None or agrees(match["number"], figure):
            return match[0]
        mean = figure.text(figure.mean)
        sign = "+" if match["number"].startswith("+") and float(_plain(mean)) > 0 else ""
        return match[0].replace(match["number"], sign + mean.replace("-", "−"), 1)

    return MARKED.sub(put, text)


def rewrite_book(book: Path, figures: Mapping[str, Figure]) -> list[str]:
    """Bring the prose of all pages and chapters up to the register; return what changed.

    Notebooks are changed as text, so that nothing else in them moves.
    """
    changed = []
    for path in [*sorted(book.glob("*.md")), *sorted(book.glob("*.ipynb"))]:
        before = path.read_text(encoding="utf-8")
        after = rewrite(before, figures)
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed.append(path.name)
    return changed


def texts(notebook: nbformat.NotebookNode) -> Iterator[str]:
    """Yield what a reader of a notebook sees as prose: Markdown cells and captions of pictures."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            yield cell.source
        caption = cell.metadata.get("mystnb", {}).get("figure", {}).get("caption")
        if caption:
            yield caption


def _without_code_blocks(text: str) -> str:
    """Drop fenced code and mathematics, and the options of directives; keep their prose."""
    kept: list[str] = []
    fences: list[tuple[str, bool]] = []  # the open ones: its sign, and whether code is inside
    for line in text.splitlines():
        in_code = bool(fences) and fences[-1][1]
        match = FENCE.fullmatch(line)
        if match:
            sign, rest = match.groups()
            if fences and not rest and sign.startswith(fences[-1][0]):
                fences.pop()
            elif not in_code:
                code = not rest.startswith("{") or bool(CODE_DIRECTIVE.match(rest))
                fences.append((sign, code))
                if not code:
                    kept.append(rest)  # the title of an admonition is prose as well
        elif not in_code and not (fences and OPTION.match(line)):
            kept.append(line)
    return "\n".join(kept)


def _plain(number: str) -> str:
    return number.replace("−", "-").replace(",", "").lstrip("+")
