"""A small Sphinx extension: tables of figures and exercises, less MathJax."""

import shutil
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from embgan_edu.checks import Exercise, exercises
from embgan_edu.publish import figures

# The lines of two pages that become tables.
PLACE = "% the tables of all published figures"
ASSIGNMENTS_PLACE = "% the table of all assignments"

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


def insert_tables(app: Sphinx, docname: str, source: list[str]) -> None:
    """Replace the line of a page that stands for tables by the tables."""
    if docname == "book/figures":
        tables = figures.markdown(figures.load_register().values())
        source[0] = _replace(docname, source[0], PLACE, tables)
        app.env.note_dependency(str(figures.REGISTER))
    elif docname == "book/handbook":
        table = assignments_table()
        source[0] = _replace(docname, source[0], ASSIGNMENTS_PLACE, table)


def _replace(docname: str, text: str, place: str, new: str) -> str:
    before, found, after = text.partition(place)
    if not found:
        raise ValueError(
            f"{docname}.md has no line {place!r}; "
            "add it where the tables belong."
        )
    return before + new + after


def assignment_of(name: str) -> list[Exercise]:
    """Return the exercises of one assignment, such as ``"ex04"``."""
    found = [
        exercise
        for key, exercise in exercises().items()
        if key.rsplit("-", 1)[0] == name
    ]
    if not found:
        raise ValueError(f"There are no exercises {name}-1, {name}-2, ...")
    return found


def assignments_table() -> str:
    """Return a table of all assignments, with their sums, in Markdown."""
    names = list(dict.fromkeys(key.rsplit("-", 1)[0] for key in exercises()))
    lines = [
        "| assignment | exercises | to write | minutes | points |",
        "|---|---|---|---|---|",
    ]
    total = []
    for name in names:
        found = assignment_of(name)
        total += found
        lines.append(_sums(f"`{name}`", found))
    return "\n".join([*lines, _sums("**all**", total)])


def _sums(head: str, found: list[Exercise]) -> str:
    written = sum(exercise.kind == "write" for exercise in found)
    minutes = sum(exercise.minutes for exercise in found)
    points = sum(exercise.points for exercise in found)
    return f"| {head} | {len(found)} | {written} | {minutes} | {points:g} |"


class GradedExercises(SphinxDirective):
    """``{graded} ex04``: the exercises of an assignment, and its notebook."""

    required_arguments = 1
    has_content = True  # what a reader of the plain notebook sees

    def run(self) -> list[nodes.Node]:
        """Put a table in place of the directive."""
        name = self.arguments[0]
        notebook = f"/exercises/{name}/{name}.ipynb"
        found = assignment_of(name)
        lines = [
            f"Download {{download}}`{name}.ipynb <{notebook}>`. "
            "Its checks tell you what is wrong, and give hints in stages.",
            "",
            "| exercise | what you do | level | minutes | points |",
            "|---|---|---|---|---|",
        ]
        for exercise in found:
            lines.append(
                f"| {exercise.title} | {exercise.kind} | {exercise.level} "
                f"| {exercise.minutes} | {exercise.points:g} |"
            )
        node = nodes.container(classes=["graded"])
        source = StringList(lines, source=str(self.get_source_info()[0]))
        self.state.nested_parse(source, self.content_offset, node)
        return [node]


def remove_unused_mathjax(app: Sphinx, error: Exception | None) -> None:
    """Remove from the built site what none of its pages loads."""
    for pattern in UNUSED_MATHJAX:
        for path in Path(app.outdir, "_static", "mathjax").glob(pattern):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect all of it to the build; Sphinx calls this."""
    app.connect("source-read", insert_tables)
    app.add_directive("graded", GradedExercises)
    # Later than the copy, which has the usual priority of 500.
    app.connect("build-finished", remove_unused_mathjax, priority=900)
    return {"parallel_read_safe": True}
