"""A published figure notices when the thing it measures is broken.

Each row breaks the package in one way before a chapter starts. The chapter must then stop at its
own check, and the error must name the figures that the row gives.
"""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from embgan_edu import figures
from embgan_edu.chapters import ChapterError, checkout, find_chapters, run_chapter

pytestmark = pytest.mark.notebook


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


MUTATIONS = [
    Mutation(
        "a generator that was never trained",
        "05",
        """
import dataclasses
from embgan_edu import gan

start = gan.GAN.__init__

def start_untrained(self, config=None, random_state=0):
    config = dataclasses.replace(config or gan.GANConfig(), steps=1)
    start(self, config, random_state)

gan.GAN.__init__ = start_untrained
""",
        ("tstr-movie", "tstr-product", "vendi-movie", "vendi-product"),
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


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: f"{m.chapter}: {m.what}")
def test_a_broken_pipeline_is_noticed(mutation: Mutation, tmp_path: Path) -> None:
    (chapter,) = find_chapters(checkout(), [mutation.chapter])
    with pytest.raises(ChapterError) as error:
        run_chapter(chapter.path, tmp_path / chapter.path.name, prelude=mutation.prelude)
    message = str(error.value)
    assert "FigureError" in message, message
    out_of_band = set(re.findall(rf"{chapter.key}/([\w-]+)", message))
    assert set(mutation.noticed) <= out_of_band, message
