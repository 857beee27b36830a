"""Choose what the controls leave to choose, by cross-validation inside training rows.

The draws have another seed than those of the chapters. Each training set of 100 rows is cut into
fifths; a method sees four, and the fifth judges. One choice serves both domains, so what counts is
the mean of their gains over a classifier of the same four fifths. No test row has a say.

Run: python benchmarks/choose_controls.py  (about 15 minutes on two cores)
"""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from embgan_edu.data.embedding import EmbeddedCorpus, embed
from embgan_edu.data.splits import ScarceSplits, draw_splits
from embgan_edu.measure.evaluation import REAL_ONLY, accuracies, evaluate
from embgan_edu.measure.paired import paired_difference
from embgan_edu.models.baselines import Sampler
from embgan_edu.models.classifier import Classifier
from embgan_edu.study import controls

DOMAINS = ("movie", "product")
DRAWS, FOLDS, SEED = 24, 5, 7

Fit = Callable[[ScarceSplits, EmbeddedCorpus, int], Sampler | Classifier]


def draw_folds(draws: int = DRAWS) -> dict[str, ScarceSplits]:
    """Draws that no chapter reports, each five times, with a fifth of its training rows as test."""
    return {
        domain: draw_splits(embed(domain), 100, draws=draws, random_state=SEED).folds(FOLDS)
        for domain in DOMAINS
    }


def inside(ours: np.ndarray, alone: np.ndarray) -> np.ndarray:
    """Gain of every draw in points. Its five folds share their rows: a draw is one observation."""
    gain: np.ndarray = (ours - alone).mean(axis=1).reshape(FOLDS, -1).mean(axis=0)
    return gain


def main() -> None:
    """Print the gain in cross-validation of every candidate."""
    candidates: Mapping[str, Fit] = {
        **{
            f"fine-tuned classifier, {steps} steps": partial(controls.fine_tuned, steps=steps)
            for steps in (5, 10, 20, 40, 80)
        },
        **{
            f"weighted tweets, reviews x {weight}": partial(
                controls.weighted_tweets, review_weight=float(weight)
            )
            for weight in (1, 3, 10, 30, 100)
        },
        **{
            f"{name}, {steps} steps": partial(
                controls.gan_of_start_and_judge, name=name, steps=steps
            )
            for name in controls.GAN_STEPS
            for steps in (25, 50, 100, 200, 400)
        },
    }
    tweets, folds = embed("tweets"), draw_folds()
    width = max(map(len, candidates))
    print(f"{'':<{width}}  {'movie':<19}  {'product':<19}  mean")
    for name, fit in candidates.items():
        gains = []
        for splits in folds.values():
            table = evaluate({name: fit(splits, tweets, 0)}, splits)
            gains.append(inside(accuracies(table, name), accuracies(table, REAL_ONLY)))
        shown = [paired_difference(gain, np.zeros_like(gain)) for gain in gains]
        columns = "  ".join(f"{s!s:<19}" for s in shown)
        print(f"{name:<{width}}  {columns}  {np.mean([s.mean for s in shown]):+.2f}", flush=True)


if __name__ == "__main__":
    main()
