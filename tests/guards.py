"""What a stored chapter must be like. A guard takes a notebook and returns its problems."""

import re
from pathlib import Path

import nbformat
from prose import agrees, stated, texts, unmarked

from embgan_edu.publish import figures

MAX_BYTES = 600_000
MIN_ALT = 40
MASK = re.compile(r"≈ \S+ *")  # as in nbval_sanitize.cfg


def _read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def _code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [c for c in _read(path).cells if c.cell_type == "code" and c.source.strip()]


def _printed(cell: nbformat.NotebookNode) -> str:
    """What a cell printed or returned, as text."""
    parts = [output.get("text", "") for output in cell.outputs]
    parts += [output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "".join(parts)


def run_in_order(path: Path) -> list[str]:
    """Every code cell was run, from the first to the last, in one go."""
    counts = [cell.execution_count for cell in _code_cells(path)]
    if counts == list(range(1, len(counts) + 1)):
        return []
    return [f"cells were run in the order {counts}; run `make notebooks`"]


def has_outputs(path: Path) -> list[str]:
    """Something was printed or drawn; nbval passes a notebook without outputs."""
    cells = _code_cells(path)
    if not cells:
        return ["there is no code cell"]
    return [] if any(cell.outputs for cell in cells) else ["no cell has a stored output"]


def no_errors(path: Path) -> list[str]:
    """No cell raised, or wrote to the error stream."""
    return [
        f"cell In [{cell.execution_count}] has an output of kind {output.get('name', 'error')}"
        for cell in _code_cells(path)
        for output in cell.outputs
        if output.output_type == "error" or output.get("name") == "stderr"
    ]


def numbers_are_published(path: Path) -> list[str]:
    """Every marked number of the prose is the published value of a figure."""
    return numbers_are_published_in(_read(path))


def numbers_are_published_in(notebook: nbformat.NotebookNode) -> list[str]:
    """The same, of a notebook that was read, or made of a page."""
    register, wrong = figures.load_register(), []
    for text in texts(notebook):
        for number, name in stated(text):
            if name == "given":
                continue
            if name not in register:
                wrong.append(f"{number} is marked {name}, which is not in the register")
            elif not agrees(number, register[name]):
                value = register[name].text(register[name].value)
                wrong.append(f"the text says {number} for {name}, the register {value}")
    return wrong


def numbers_are_marked(path: Path) -> list[str]:
    """No decimal number stands in the prose without a marker."""
    return [
        f"{number} has no marker; add <!-- chNN/name -->, or <!-- given --> if it is not ours"
        for text in texts(_read(path))
        for number in unmarked(text)
    ]


def figures_are_checked(path: Path) -> list[str]:
    """One tagged cell checks all figures of the chapter, and its stored table is up to date."""
    key = f"ch{path.name[:2]}"
    register = [f for f in figures.load_register().values() if f.chapter == key]
    cells = [cell for cell in _code_cells(path) if "figures.check(" in cell.source]
    wrong = [
        f"cell In [{cell.execution_count}] checks figures without the tag nbval-check-output"
        for cell in cells
        if "nbval-check-output" not in cell.metadata.get("tags", [])
    ]
    if register and len(cells) != 1:
        return [*wrong, f"{len(cells)} cells check the figures of {key}, expected one"]
    if register:
        expected = figures.table(register, {f.name: f.value for f in register})
        if MASK.sub("≈", expected) not in MASK.sub("≈", _printed(cells[0])):
            wrong.append("the stored table of figures is not the register's; run `make notebooks`")
    return wrong


def pictures_are_described(path: Path) -> list[str]:
    """Every picture has alt text that tells what it shows, a name, and a caption."""
    wrong = []
    for cell in _code_cells(path):
        if not any(kind.startswith("image/") for o in cell.outputs for kind in o.get("data", {})):
            continue
        where = f"the picture of cell In [{cell.execution_count}]"
        mystnb = cell.metadata.get("mystnb", {})
        alt = mystnb.get("image", {}).get("alt", "")
        if len(alt) < MIN_ALT:
            wrong.append(f"{where} has alt text of {len(alt)} characters, expected {MIN_ALT}")
        wrong += [
            f"{where} has no {field}"
            for field in ("name", "caption")
            if not mystnb.get("figure", {}).get(field)
        ]
    return wrong


def opens_and_closes(path: Path) -> list[str]:
    """The first cells give a title, objectives, prerequisites, and times; later come take-aways."""
    cells = [cell.source for cell in _read(path).cells if cell.cell_type == "markdown"]
    opening, everything = "\n".join(cells[:3]), "\n".join(cells)
    wrong = [] if cells and cells[0].startswith("# ") else ["the first cell has no title (# ...)"]
    wanted = {
        "objectives": r"(?i)objectives|you will be able to",
        "prerequisites": r"(?i)prerequisites|you need",
        "time to read": r"(?i)\d+\W*(s|seconds?|min|minutes?)\W+to\s+read",
        "time to run": r"(?i)\d+\W*(s|seconds?|min|minutes?)\W+to\s+run",
    }
    wrong += [
        f"the first cells give no {w}" for w, p in wanted.items() if not re.search(p, opening)
    ]
    if not re.search(r"(?i)take-?aways", everything):
        wrong.append("there are no take-aways")
    return wrong


def is_light(path: Path) -> list[str]:
    """The file is small enough for a repository."""
    size = path.stat().st_size
    return [] if size < MAX_BYTES else [f"{size:,} bytes, expected fewer than {MAX_BYTES:,}"]


def names_no_machine(path: Path) -> list[str]:
    """No path of one machine stands in the text, the code, or the outputs."""
    text = path.read_text(encoding="utf-8")
    found = re.findall(
        r"(?<![\w.:/])(?:/(?:home|root|Users|tmp|work|opt|mnt)/|[A-Z]:\\\\)\w*", text
    )
    return [f"{match!r} is a path of one machine" for match in sorted(set(found))]


GUARDS = [
    run_in_order,
    has_outputs,
    no_errors,
    numbers_are_published,
    numbers_are_marked,
    figures_are_checked,
    pictures_are_described,
    opens_and_closes,
    is_light,
    names_no_machine,
]
