"""What stands on the table beside the ladder: a method is how to fit it, and what it depends on."""

from collections.abc import Callable
from dataclasses import dataclass

from embgan_edu.data.embedding import EmbeddedCorpus
from embgan_edu.data.splits import ScarceSplits
from embgan_edu.models.baselines import Sampler
from embgan_edu.models.classifier import Classifier


@dataclass(frozen=True)
class Method:
    """A way to make labeled embeddings, or to classify without making any.

    Attributes:
        fit: from splits, target, source, seed, and whether to show progress, to a fitted
            sampler or classifier.
        needs_source: whether the source must have the target's labels.
        modules: modules of this package that its results depend on, beside those of every GAN.
        settings: what its results depend on in this module, as text; a finished cell of the table
            is read again only where modules and settings are the same.
    """

    fit: Callable[[ScarceSplits, EmbeddedCorpus, EmbeddedCorpus, int, bool], Sampler | Classifier]
    needs_source: bool = True
    modules: tuple[str, ...] = ()
    settings: str = ""
