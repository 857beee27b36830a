"""Turn a chapter into lecture slides: one HTML file that needs no network, made of what is stored.

A ``##`` heading begins a slide, and what does not fit goes on below it. Of a long paragraph the
slide has the first sentences, the speaker's notes have all of it. Pictures get a slide of their own
and the code that drew them stays away, as do imports, exercises and cells of more than 22 lines.
The answers of the quiz appear on a key.

A cell's slide type, as set in JupyterLab, comes before these rules: ``skip``, ``notes``, and
``slide`` or ``subslide`` for a new one.
"""

import base64
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from embgan_edu.base.cache import atomic_path
from embgan_edu.base.errors import DataError
from embgan_edu.data.download import Package, extract, fetch

# The only wheel of the usual index that has reveal.js (5.2.0) as it is. Nothing of it is installed.
REVEAL = Package(
    name="sphinx-revealjs",
    version="3.2.1",
    filename="sphinx_revealjs-3.2.1-py3-none-any.whl",
    sha256="805bed3ca459346e0f01967d5ed1c40d6b7b917de1541e1e4566c8341fe7017b",
    kind="wheel",
    license="MIT",
)
_INSIDE = "sphinx_revealjs/_static/revealjs/"
_STYLES = ("dist/reset.css", "dist/reveal.css")
_SCRIPTS = ("dist/reveal.js", "plugin/notes/notes.js")

LEFT_OUT = {"The figures of this chapter", "Exercises"}
_TAGS = {"remove-cell", "parameters", "nbval-check-output", "injected"}
_ROOM = 590  # pixels below the heading of a slide
_LINE, _LETTERS = 38, 84  # height of a line of text, and its letters
_CODE_LINE, _MOST_CODE, _MOST_PIECE = 25, 22, 28
_LEAD = 230  # letters of a paragraph that stay on the slide


def export_slides(chapter: Path, folder: Path) -> Path:
    """Write the slides of a chapter. Nothing is executed.

    Args:
        chapter: A notebook with stored outputs. Pictures and sources are looked for beside it.
        folder: Where to write ``<name>.slides.html``.

    Returns:
        The path of the file.

    Raises:
        DownloadError: reveal.js is not in the cache and cannot be fetched.
        DataError: The package sphinx-mathjax-offline, which sets the formulas, is missing.

    Example:
        >>> from embgan_edu.publish.chapters import checkout
        >>> chapter = checkout() / "book" / "04-gan-from-scratch.ipynb"
        >>> export_slides(chapter, Path("_build/slides"))  # doctest: +SKIP
        PosixPath('_build/slides/04-gan-from-scratch.slides.html')
    """
    from jinja2 import FileSystemLoader
    from nbconvert import SlidesExporter

    notebook = slides_notebook(chapter)
    styles, scripts = _reveal()
    resources = {
        "deck": {
            "title": html.escape(notebook.metadata["title"]),
            "styles": styles,
            "scripts": f"{scripts}\n{_script(_mathjax())}",
        }
    }
    exporter = SlidesExporter(
        extra_loaders=[FileSystemLoader(Path(__file__).parent)], template_file="slides.html.j2"
    )
    page, _ = exporter.from_notebook_node(notebook, resources=resources)
    target = folder / f"{chapter.stem}.slides.html"
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(target) as path:
        path.write_text(page, encoding="utf-8")
    return target


def _reveal() -> tuple[str, str]:
    """The styles and the scripts of reveal.js, as tags of a page."""
    with TemporaryDirectory() as folder:
        names = [f"{_INSIDE}{name}" for name in (*_STYLES, *_SCRIPTS)]
        paths = extract(fetch(REVEAL), names, Path(folder))
        texts = [path.read_text(encoding="utf-8") for path in paths]
    styles = [f"<style>{text}</style>" for text in texts[: len(_STYLES)]]
    return "\n".join(styles), "\n".join(map(_script, texts[len(_STYLES) :]))


def _script(text: str) -> str:
    # Within a page, these would end the script, or hide its end.
    return "<script>" + re.sub(r"<(?=/?script|!--)", r"\\x3C", text) + "</script>"


def _mathjax() -> str:
    found = find_spec("sphinx-mathjax-offline")
    if found is None or found.origin is None:
        raise DataError(
            "Slides need the package sphinx-mathjax-offline; it comes with `make book`."
        )
    path = Path(found.origin).parent / "static" / "mathjax" / "tex-svg.js"
    return path.read_text(encoding="utf-8")


# --- The notebook that has one cell for each piece of a slide -------------------------------------


@dataclass
class _Deck:
    cells: list[Any] = field(default_factory=list)
    heading: str = ""
    room: int = 0
    notes: list[str] = field(default_factory=list)

    def start(self, kind: str, heading: str = "") -> None:
        """Begin a slide, or one below it that repeats the heading."""
        self.finish()
        self.heading = heading or self.heading
        self.cells.append(_markdown(self.heading, kind))
        self.room = _ROOM

    def finish(self) -> None:
        """Put the notes of the slide right after its heading."""
        if self.notes:
            starts = [n for n, c in enumerate(self.cells) if _kind(c) in {"slide", "subslide"}]
            self.cells.insert(starts[-1] + 1, _markdown("\n\n".join(self.notes), "notes"))
        self.notes = []

    def add(self, cell: Any, height: int, note: str = "") -> None:
        """Add a piece, on the next slide if this one is full."""
        if height > self.room and self.room < _ROOM:
            self.start("subslide")
        self.cells.append(cell)
        self.room -= height
        self.notes += [note] if note else []

    def add_picture(self, kind: str, content: bytes, alt: str, caption: str) -> None:
        """Give a picture a slide of its own; a wide one may have a few lines above it."""
        wide = kind == "png" and 2 * _number(content, 16) > 3 * _number(content, 20)
        if self.room < _ROOM - wide * 3 * _LINE:
            self.start("subslide")
        source = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
        text = f'<img alt="{html.escape(alt)}" src="{source}">\n\n{caption}'
        cell = _markdown(text)
        cell.metadata["tags"] = ["picture", "beside-text"] if self.room < _ROOM else ["picture"]
        self.cells.append(cell)
        self.room = 0


def slides_notebook(chapter: Path) -> Any:
    """Return a notebook whose cells have slide types, for a chapter of the book.

    Directives and roles of MyST are plain Markdown in it, and pictures are part of the cells.

    Args:
        chapter: As for :func:`export_slides`.

    Example:
        >>> from embgan_edu.publish.chapters import checkout
        >>> slides_notebook(checkout() / "book" / "09-label-smoothing.ipynb").cells[0].source
        '# One-sided label smoothing'
    """
    import nbformat

    deck = _Deck()
    cited = _sources(chapter.parent / "references.bib")
    left_out = False
    for cell in nbformat.read(chapter, as_version=4).cells:
        if _kind(cell) == "skip" or _TAGS & set(cell.metadata.get("tags", ())):
            continue
        if _kind(cell) in {"slide", "subslide"} and deck.room < _ROOM and not _is_heading(cell):
            deck.start("subslide")
        if cell.cell_type == "code":
            if not left_out and not cell.source.startswith(("import ", "from ")):
                _add_code(deck, cell)
            continue
        for block in _blocks(_plain(cell.source, cited)):
            heading = re.match(r"(#+) +(.*)", block)
            if heading and len(heading[1]) < 3:
                left_out = heading[2] in LEFT_OUT
                if not left_out:
                    deck.start("slide", heading[0])
            elif heading and not left_out:
                deck.start("subslide", heading[0])
            elif not left_out and _kind(cell) == "notes":
                deck.notes.append(block)
            elif not left_out:
                _add_block(deck, block, chapter.parent)
    deck.finish()
    notebook = nbformat.v4.new_notebook(cells=deck.cells)
    notebook.metadata["title"] = re.sub(r"^#+ |[`*]", "", deck.cells[0].source)
    return notebook


def _markdown(source: str, kind: str = "-") -> Any:
    from nbformat.v4 import new_markdown_cell

    return new_markdown_cell(source, metadata={"slideshow": {"slide_type": kind}})


def _kind(cell: Any) -> str:
    return str(cell.metadata.get("slideshow", {}).get("slide_type", "-"))


def _is_heading(cell: Any) -> bool:
    return cell.cell_type == "markdown" and cell.source.startswith("#")


def _blocks(text: str) -> list[str]:
    """Cut Markdown at its blank lines, but not within a formula, code, or a directive.

    >>> _blocks("a\\nb\\n\\n$$\\nx\\n\\ny\\n$$\\nc")
    ['a\\nb', '$$\\nx\\n\\ny\\n$$', 'c']
    """
    found: list[list[str]] = [[]]
    fence = ""
    for line in text.splitlines():
        mark = re.match(r"\s*(\$\$|`{3,}|:{3,})", line)
        if fence:
            found[-1].append(line)
            if line.strip().endswith("$$") if fence == "$$" else line.strip() == fence:
                fence = ""
                found.append([])
        elif mark:
            fence = "" if line.strip().endswith("$$") and len(line.strip()) > 4 else mark[1]
            found += [[line]]
        elif line.strip():
            found[-1].append(line)
        else:
            found.append([])
    return ["\n".join(lines) for lines in found if lines]


def _add_block(deck: _Deck, block: str, folder: Path) -> None:
    image = re.fullmatch(r"(?s)!\[(.*?)\]\((\S+)\)", block.strip())
    directive = re.match(r"\s*[:`]{3,}\{(\w+)\} *(.*)", block)
    if image:
        deck.add_picture(*_picture(folder / image[2]), image[1].replace("\n", " "), "")
        return
    if directive is None:
        text, note = _lead(block)
        if re.match(r"\d+\. ", block) and deck.heading == "## Check yourself":
            deck.start("subslide") if deck.room < _ROOM else None
        deck.add(_markdown(text), _height(text), note)
        return
    name, title = directive.groups()
    lines = block.splitlines()[1:-1]
    options = dict(re.findall(r"(?m)^:(\w+): (.*)", "\n".join(lines)))
    body = re.sub(r"(?m)\A(:\w+:.*\n?)+", "", "\n".join(lines)).strip()
    if name == "figure":
        deck.add_picture(*_picture(folder / title), options["alt"], body)
    elif name == "dropdown":
        deck.add(_markdown(body, "fragment"), _height(body))
    elif name == "admonition" and title == "In this chapter":
        for part in _blocks(body):
            deck.add(_markdown(part), _height(part))
    elif name == "admonition":
        text, note = _lead(body)
        quoted = "\n".join(f"> {line}".rstrip() for line in f"**{title}**\n\n{text}".splitlines())
        deck.add(_markdown(quoted), _height(text) + 80, note)


def _add_code(deck: _Deck, cell: Any) -> None:
    from nbformat.v4 import new_code_cell

    pictures = [o for o in cell.outputs if "image/png" in o.get("data", {})]
    tables = [o for o in cell.outputs if "text/html" in o.get("data", {})]
    lines = cell.source.count("\n") + 1
    drawn = pictures or any("<img" in o["data"]["text/html"] for o in tables)
    pieces = [cell.source]
    if drawn or lines > _MOST_CODE:
        # Of what is too long, functions and classes stay: they are what a lecture is about.
        pieces = [] if drawn else re.split(r"\n{3,}", cell.source)
        pieces = [p for p in pieces if re.match("def|class|@", p) and p.count("\n") < _MOST_PIECE]
        deck.notes.append(f"The chapter has {lines} lines of code here.")
    for piece in pieces:
        deck.add(new_code_cell(piece), (piece.count("\n") + 1) * _CODE_LINE + 30)
    for output in cell.outputs:
        data = output.get("data", {})
        if output.output_type == "stream":
            for text in re.split(r"\n{2,}", output.text.strip("\n")):
                deck.add(_markdown(f"```\n{text}\n```"), text.count("\n") * _CODE_LINE + 50)
        elif "image/png" in data:
            about = cell.metadata.get("mystnb", {})
            alt = about.get("image", {}).get("alt", "")
            caption = about.get("figure", {}).get("caption", "")
            deck.add_picture("png", base64.b64decode(data["image/png"]), alt, caption)
        elif "text/html" in data:
            table = re.sub(r"(?s)<style.*?</style>\s*", "", data["text/html"])
            deck.add(_markdown(table), 400 if drawn else table.count("<tr") * 40 + 20)
        elif output.output_type == "execute_result":
            text = data["text/plain"]
            deck.add(_markdown(f"```\n{text}\n```"), text.count("\n") * _CODE_LINE + 50)


def _picture(path: Path) -> tuple[str, bytes]:
    return ("svg+xml" if path.suffix == ".svg" else path.suffix[1:]), path.read_bytes()


def _number(content: bytes, place: int) -> int:
    return int.from_bytes(content[place : place + 4], "big")


def _height(text: str) -> int:
    """Estimate the height of Markdown on a slide; the page itself corrects what is too high."""
    if text.startswith("$$"):
        return 80 + 50 * text.count(r"\\") + 30 * bool(re.search(r"\\(frac|sum|int|under)", text))
    if text.startswith("```"):
        return text.count("\n") * _CODE_LINE + 30
    letters = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    rows = sum(1 + len(line) // _LETTERS for line in letters.splitlines() if line.strip())
    return rows * _LINE + 20


def _lead(text: str) -> tuple[str, str]:
    """Cut a long paragraph to its first sentences, and return the whole as a note.

    A last sentence that leads over to what follows stays, and so does a "but" after the first ones.

    >>> text, note = _lead("One. " + "Two and more words. " * 20 + "And then:")
    >>> text.startswith("One. Two"), text.endswith("words. … And then:"), note.endswith("And then:")
    (True, True, True)
    """
    if len(text) <= _LEAD or re.match(r"\s*([-*|>$`<]|\d+\. )", text) or "\n\n" in text:
        return text, ""
    # Formulas and code are never cut.
    masked = re.sub(r"\$[^$]+\$|`[^`]+`", lambda m: "\0" * len(m[0]), text)
    ends = [m.end() for m in re.finditer(r"[.?!]['\")*]*(?= +[A-Z*\0\"“(]|\s*$)", masked)]
    stay = max([end for end in ends if end <= _LEAD] or ends[:1] or [len(text)])
    # What takes a sentence back stays with it.
    while re.match(r" +(But|Yet|However|Still|Not|Neither|Then)\b", text[stay:]):
        stay = min([end for end in ends if end > stay] or [len(text)])
    last = ends[-2] if len(ends) > 1 else 0
    short = text[:stay]
    if text.rstrip().endswith((":", "?")):
        begin = ends[-1] if text.rstrip().endswith(":") and ends else last
        short += f" … {text[begin:].strip()}" if begin >= stay else ""
    return (short, text) if len(short) < len(text.rstrip()) else (text, "")


# --- MyST to plain Markdown ----------------------------------------------------------------------


def _plain(text: str, cited: Mapping[str, str]) -> str:
    """Replace roles by the words that a reader sees, and drop comments.

    >>> _plain("A {term}`game <games>` of 1.2<!-- ch04/x --> points {cite:p}`a`.", {"a": "B, 2014"})
    'A game of 1.2 points (B, 2014).'
    """

    def cite(match: re.Match[str]) -> str:
        return "({})".format("; ".join(cited[key.strip()] for key in match[1].split(",")))

    text = re.sub(r"(?s)<!--.*?-->", "", text)
    text = re.sub(r"\{cite(?::[pt])?\}`([^`]+)`", cite, text)
    text = re.sub(r"\{numref\}`[^`]*`", "see the picture", text)
    text = re.sub(r"\{\w+\}`([^`<]+?) *<[^`]*>`", r"\1", text)
    return re.sub(r"\{\w+\}`([^`]+)`", r"\1", text)


@cache
def _sources(path: Path) -> dict[str, str]:
    """Of each source of the book, authors and year."""
    if not path.is_file():
        return {}
    from pybtex.database import parse_file

    found = {}
    for key, entry in parse_file(str(path)).entries.items():
        names = [
            " ".join(map(str, person.rich_prelast_names + person.rich_last_names))
            for person in entry.persons["author"]
        ]
        who = f"{names[0]} et al." if len(names) > 2 else " and ".join(names)
        found[key] = f"{who}, {entry.fields['year']}"
    return found
