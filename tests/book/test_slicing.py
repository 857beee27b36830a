"""Of a chapter, the statements that lead to some figures are kept, and what changes their names."""

import ast
import re
from pathlib import Path
from textwrap import dedent

import nbformat
import pytest
from broken import measure
from nbformat.v4 import new_code_cell, new_notebook
from slicing import slice_cells, slice_chapter

from embgan_edu.publish import figures
from embgan_edu.publish.chapters import checkout, find_chapters, read_measured, run_chapter

# Each statement is a cell. What the first figure does not need is marked.
PROGRAMS = {
    "what leads to nothing is left out": """
        a = 1
        b = 2  # left out
        print(a)  # left out
        figures.check("ch01", {"one": a, "two": b})
        """,
    "a method changes its object": """
        a = []
        b = []  # left out
        a.append(1)
        b.append(1)  # left out
        a.index(1)  # left out
        figures.check("ch01", {"one": a[0], "two": b})
        """,
    "a name is bound twice": """
        a = 1  # left out
        a = 2
        b = a
        a = 3  # left out
        figures.check("ch01", {"one": b, "two": a})
        """,
    "a loop fills a list": """
        a, b = [], []
        for k in range(3):
            a.append(k)
        for k in range(3):  # left out
            b.append(k)  # left out
        figures.check("ch01", {"one": sum(a), "two": sum(b)})
        """,
    "a loop goes through objects and changes them": """
        a = {"x": Sampler()}
        for name, sampler in a.items():
            sampler.fit()
        figures.check("ch01", {"one": a["x"].mean_, "two": 0})
        """,
    "a function looks up a global name": """
        a = 1  # left out
        def f():
            return a
        a = 2
        b = f()
        a = 3  # left out
        figures.check("ch01", {"one": b, "two": a})
        """,
    "a function looks it up through another one": """
        a = 1
        def f():
            return a
        def g():
            return f()
        a += 1
        figures.check("ch01", {"one": g(), "two": 0})
        """,
    "an object calls a function that it was given": """
        a = []
        b = []  # left out
        gan = GAN()
        gan.fit(after_step=lambda step: a.append(step))
        other = GAN()  # left out
        other.fit(after_step=lambda step: b.append(step))  # left out
        figures.check("ch01", {"one": a[0], "two": b[0]})
        """,
    "a hook of an object fills a list later": """
        a = []
        network = Network()
        network.register(lambda value: a.append(value))
        for step in range(3):
            network(step)
        figures.check("ch01", {"one": a[0], "two": 0})
        """,
    "an instance looks up a global name in a method": """
        a = 1  # perhaps the constructor looks it up
        class Means:
            def value(self):
                return a
        means = Means()
        a = 2
        b = means.value()
        figures.check("ch01", {"one": b, "two": a})
        """,
    "an assignment adds to a name": """
        a = 1
        b = 1  # left out
        a += 1
        b += 1  # left out
        figures.check("ch01", {"one": a, "two": b})
        """,
    "an assignment goes into an object": """
        a = {}
        b = Table()
        c = Table()  # left out
        a["x"] = 1
        b.x = a["x"]
        c.x = 1  # left out
        figures.check("ch01", {"one": b.x, "two": c.x})
        """,
    "another name of the same object": """
        a = {"x": [1], "y": [2]}
        b = a["x"]
        b.append(3)
        figures.check("ch01", {"one": a["x"], "two": 0})
        """,
    "another name of the object that is changed": """
        a = {"x": [1], "y": [2]}
        b = a["x"]
        a["x"].append(3)
        figures.check("ch01", {"one": b, "two": 0})
        """,
    "a function changes its argument": """
        def add(k, values):
            values.append(k)
        def look(values):  # left out
            return sum(values)  # left out
        a, b = [], []
        add(1, a)
        add(1, b)  # left out
        look(a)  # left out
        figures.check("ch01", {"one": a[0], "two": b[0]})
        """,
    "a generator moves on": """
        import numpy as np
        def noisy(x, rng):
            return x + rng.normal()
        rng = np.random.default_rng(0)
        other = np.random.default_rng(0)  # left out
        a = noisy(0, rng)
        b = noisy(0, other)  # left out
        c = noisy(0, rng)
        figures.check("ch01", {"one": c, "two": b})
        """,
    "an optimizer changes the weights that it was given": """
        import torch
        from embgan_edu.models.gan import Players, training_step
        seed = 0
        a, b = network(seed), network(seed)
        optimizer = torch.optim.Adam(a.parameters(), lr=0.1)
        other = torch.optim.Adam(b.parameters(), lr=seed)  # left out
        players = Players(a, seed)
        optimizer.step()
        other.step()  # left out
        training_step(players, 1)
        figures.check("ch01", {"one": a(1), "two": b(1)})
        """,
    "a layer draws its weights": """
        from embgan_edu.models.stacked import DrawStreams, StackedLinear
        made = DrawStreams(0, n_draws=1)
        other = DrawStreams(0, n_draws=1)  # left out
        a = StackedLinear(1, 1, made)
        b = StackedLinear(1, 1, other)  # left out
        c = made.normal(1)
        figures.check("ch01", {"one": c, "two": b})
        """,
    "a step of the package changes networks and optimizers": """
        from embgan_edu.models.gan import training_step
        from embgan_edu.measure.metrics import recall  # left out
        G, D = players()
        a = 0
        for _ in range(3):
            training_step(G, D, a)
        b = recall(G, a)  # left out
        figures.check("ch01", {"one": G(1), "two": b})
        """,
    "a name of the chapter hides that of a library": """
        from library import input  # left out
        input = []
        input.append(1)
        figures.check("ch01", {"one": input[0], "two": 0})
        """,
    "names of a comprehension are its own": """
        k = 1  # left out
        a = [k for k in range(3)]
        b = {name: k for name in a}  # left out
        figures.check("ch01", {"one": a[0], "two": b})
        """,
    "a name that is bound in one branch only": """
        a = 1
        if a > 0:
            b = 2
        else:
            c = 3
        b = b + a
        figures.check("ch01", {"one": b, "two": 0})
        """,
}


def cells(program: str) -> list[ast.Module]:
    """Every statement as a cell."""
    return [ast.Module([statement], []) for statement in ast.parse(dedent(program)).body]


def sliced(notebook: list[ast.Module], *figures: str) -> str:
    return "\n".join(unit.source for unit in slice_cells(notebook, figures))


def plain(program: str) -> str:
    """The same program without comments, and spaced alike."""
    return "\n".join(ast.unparse(statement) for statement in ast.parse(dedent(program)).body)


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_what_leads_to_a_figure_is_kept(program: str) -> None:
    lines = [line for line in program.splitlines() if not line.endswith("# left out")]
    expected = re.sub(', "two": .*}', "}", dedent("\n".join(lines)))
    assert sliced(cells(program), "one") == plain(expected)


def test_a_seed_of_a_library_serves_its_own_cell() -> None:
    seeded = "torch.manual_seed(0)\na = torch.nn.Linear(1, 1)\nb = 1"
    others = "torch.manual_seed(1)\nc = 1"
    notebook = [ast.parse(code) for code in ("import torch", seeded, others)]
    notebook += cells("figures.check('ch01', {'one': a(1), 'two': b})")
    assert sliced(notebook, "one").splitlines()[1:-1] == seeded.splitlines()[:2]
    assert "manual_seed(1)" not in sliced(notebook, "two")


def test_the_last_cell_enters_only_what_is_wanted() -> None:
    last = """
        published = {f"one-{name}": a[name] for name in a}
        for name in b:
            both = b[name]
            published[f"two-{name}"] = sum(both)
        for name in a:
            short = f"some-{name}"
            published[short] = a[name]
            published |= {f"three-{name}": c, f"four-{name}": d}
        figures.check("ch01", published)
        """
    notebook = [*cells("a, b = {}, {}\nc = train()\nd = train()"), ast.parse(dedent(last))]
    assert sliced(notebook, "three-x") == plain("""
        a, b = {}, {}
        c = train()
        published = {}
        for name in a:
            short = f"some-{name}"
            published[short] = a[name]
            published |= {f"three-{name}": c}
        figures.check("ch01", published)
        """)
    assert "train" not in sliced(notebook, "one-x")
    assert "two" in sliced(notebook, "two-x")


def test_a_line_for_ipython_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "01-x.ipynb"
    cells = ["import sys\nif 'colab' in sys.modules:\n    %pip install x", "a = 1\na;"]
    cells += ["figures.check('ch01', {'one': a})"]
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in cells]), path)
    units = slice_chapter(path, ["one"])
    assert [(unit.cell, unit.source) for unit in units[:-1]] == [(2, "a = 1")]


@pytest.mark.notebook
def test_a_part_of_a_chapter_measures_what_the_whole_chapter_does(
    tmp_path: Path, real_data: None
) -> None:
    (chapter,) = find_chapters(checkout(), ["1"])
    environment = {"EMBGAN_FIGURES_DIR": str(tmp_path), "EMBGAN_CALIBRATING": "1"}
    run_chapter(chapter.path, tmp_path / "whole.ipynb", environment=environment)
    whole = read_measured(tmp_path)
    assert set(whole) == {name for name in figures.load_register() if name.startswith("ch01/")}
    for name, number in whole.items():
        (folder := tmp_path / name).mkdir(parents=True)
        assert measure(chapter.path, [name.split("/")[1]], folder)[name] == number
