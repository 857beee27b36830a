"""A published figure notices when the thing it measures is broken.

Each row breaks the package in one way before a chapter starts. The chapter must then stop at its
own check, and the error must name the figures that the row gives.
"""

import json
import re
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from embgan_edu import figures
from embgan_edu.chapters import Chapter, ChapterError, checkout, find_chapters, run_chapter


class Mutation(NamedTuple):
    """A way to break the pipeline.

    Attributes:
        what: what is broken, in a few words.
        chapter: number of the chapter that must notice.
        prelude: code that runs before the chapter's first cell.
        noticed: short names of figures that must leave their bands.
    """

    what: str
    chapter: str
    prelude: str
    noticed: tuple[str, ...]


SWAPPED_LABELS = """
import dataclasses
from embgan_edu import protocol

draw = protocol.draw_splits

def draw_mislabeled(*args, **kwargs):
    splits = draw(*args, **kwargs)
    return dataclasses.replace(splits, y_train=1 - splits.y_train)

protocol.draw_splits = draw_mislabeled
"""

UNTRAINED_GENERATOR = """
import dataclasses
from embgan_edu import gan

start = gan.GAN.__init__

def start_untrained(self, config=None, random_state=0):
    config = dataclasses.replace(config or gan.GANConfig(), steps=1)
    start(self, config, random_state)

gan.GAN.__init__ = start_untrained
"""

MUTATIONS = [
    Mutation(
        "coverage computed as recall",
        "01",
        """
from embgan_edu import metrics

metrics.coverage = metrics.recall
""",
        ("gaussian-coverage",),
    ),
    Mutation(
        "training labels swapped",
        "02",
        SWAPPED_LABELS,
        ("glove-movie-100", "glove-product-100"),
    ),
    Mutation(
        "training labels swapped",
        "03",
        SWAPPED_LABELS,
        ("accuracy-movie-100", "accuracy-product-100", "accuracy-movie-2000"),
    ),
    Mutation(
        "a generator that was never trained",
        "04",
        UNTRAINED_GENERATOR,
        ("real-probability", "fake-probability", "spread"),
    ),
    Mutation(
        "samples that do not follow the label asked for",
        "04",
        """
from embgan_edu import gan

sample = gan.GAN.sample

def sample_any_label(self, n, label=None, random_state=0):
    return sample(self, n, None, random_state)

gan.GAN.sample = sample_any_label
""",
        ("label-effect",),
    ),
    Mutation(
        "a generator that was never trained",
        "05",
        UNTRAINED_GENERATOR,
        ("vendi-movie", "vendi-product", "batch-norm-vendi"),
    ),
    Mutation(
        "samples with the wrong label",
        "05",
        """
from embgan_edu import gan

sample = gan.GAN.sample

def sample_mislabeled(self, n, label=None, random_state=0):
    X, y = sample(self, n, label, random_state)
    return X, 1 - y

gan.GAN.sample = sample_mislabeled
""",
        ("gain-movie", "tstr-movie", "trts-movie", "tstr-product", "trts-product"),
    ),
]


def test_every_chapter_with_figures_is_broken_in_some_way() -> None:
    published = {figure.chapter for figure in figures.load_register().values()}
    assert published == {f"ch{mutation.chapter}" for mutation in MUTATIONS}


def out_of_band(path: Path, prelude: str, folder: Path) -> set[str]:
    """Run a broken chapter; return the short names of the figures that left their bands."""
    with pytest.raises(ChapterError, match="FigureError") as error:
        run_chapter(path, folder / "broken.ipynb", prelude=prelude)
    return set(re.findall(rf"{Chapter(path).key}/([\w-]+)", str(error.value)))


@pytest.mark.notebook
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: f"{m.chapter}: {m.what}")
def test_a_broken_pipeline_is_noticed(mutation: Mutation, tmp_path: Path) -> None:
    (chapter,) = find_chapters(checkout(), [mutation.chapter])
    assert set(mutation.noticed) <= out_of_band(chapter.path, mutation.prelude, tmp_path)


def test_only_a_figure_that_left_its_band_counts_as_noticed(tmp_path: Path) -> None:
    rest = {"unit": "", "decimals": 1, "mean": 2, "sd": 0, "runs": 1, "platform": 0}
    rest |= {"what": "", "seeds": "", "environment": "", "value": 2, "low": 1.9, "high": 2.1}
    entries = [{"name": f"ch07/{name}", **rest} for name in ("count", "other")]
    (tmp_path / "register.json").write_text(json.dumps(entries), encoding="utf-8")
    code = (
        "import math\nfrom pathlib import Path\nfrom embgan_edu import figures\n"
        "figures.REGISTER = Path('register.json')\n"
        "figures.check('ch07', {'count': math.factorial(2), 'other': 2})"
    )
    path = tmp_path / "07-x.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(code)]), path)
    run_chapter(path, tmp_path / "intact.ipynb")
    breaks = "import math\nmath.factorial = lambda n: 3"
    assert out_of_band(path, breaks, tmp_path) == {"count"}
    with pytest.raises(AssertionError, match="FigureError"):
        out_of_band(path, "raise ValueError('the prelude itself is wrong')", tmp_path)
