"""A small Sphinx extension: the tables of figures, and a small MathJax."""

import shutil
from pathlib import Path

from sphinx.application import Sphinx

from embgan_edu import figures

# The line of the page that becomes the tables.
PLACE = "% the tables of all published figures"

# Of the 24 MB that sphinx-mathjax-offline copies, the book uses TeX input,
# HTML output, and the reading aids in English. This is the rest.
UNUSED_MATHJAX = [
    "*-svg*",
    "mml-*",
    "tex-mml-*",
    "tex-chtml-full*",
    "node-main.js",
    "adaptors",
    "input/mml*",
    "input/asciimath*",
    "output/svg*",
    "sre/mathmaps/[!e]?.json",
    "sre/mathmaps/e[!n].json",
]


def insert_figures(app: Sphinx, docname: str, source: list[str]) -> None:
    """Replace the line ``PLACE`` of one page by the register's tables."""
    if docname == "book/figures":
        before, place, after = source[0].partition(PLACE)
        if not place:
            raise ValueError(
                f"{docname}.md has no line {PLACE!r}; "
                "add it where the tables belong."
            )
        tables = figures.markdown(figures.load_register().values())
        source[0] = before + tables + after
        app.env.note_dependency(str(figures.REGISTER))


def remove_unused_mathjax(app: Sphinx, error: Exception | None) -> None:
    """Remove from the built site what none of its pages loads."""
    for pattern in UNUSED_MATHJAX:
        for path in Path(app.outdir, "_static", "mathjax").glob(pattern):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect both to the build; Sphinx calls this."""
    app.connect("source-read", insert_figures)
    # Later than the copy, which has the usual priority of 500.
    app.connect("build-finished", remove_unused_mathjax, priority=900)
    return {"parallel_read_safe": True}
