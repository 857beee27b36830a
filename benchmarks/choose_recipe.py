"""Choose the recipe's settings by cross-validation, without any reported draw or any test row.

The draws here have another seed than those of the chapters. Each training set of 100 rows is cut
into fifths: the GAN, the judge and the final classifier see four, and the fifth judges. One choice
serves both domains, so what counts is the mean of their gains.

The intervals are wide, so only large differences count. What was seen: a judge that knows the
target rows alone does harm from 100 steps on, with either weight. With a judge that knows the
tweets too, 25 to 100 steps are about equal (+1.2 to +1.5 points), 50 being best in the mean of both
weights. Of the two weights, which do equally well, the recipe takes the larger.

Run: python benchmarks/choose_recipe.py  (about half an hour on two cores)
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from embgan_edu.data.embedding import EmbeddedCorpus, embed
from embgan_edu.data.splits import ScarceSplits, draw_splits
from embgan_edu.measure.paired import paired_difference
from embgan_edu.models.classifier import StackedClassifier
from embgan_edu.models.gan import GAN, GANConfig
from embgan_edu.study.recipe import CHANGES, NETWORKS, configure, fit_judge, pretrain

DOMAINS = ("movie", "product")
N_ADDED = 240  # three for each of the 80 real rows
MOMENTS = (25, 50, 100, 200)


def draw_folds(draws: int) -> dict[str, ScarceSplits]:
    """Draws that no chapter reports, each five times, with a fifth of the training rows as test."""
    return {d: draw_splits(embed(d), 100, draws=draws, random_state=7).folds() for d in DOMAINS}


def gains_over_training(
    config: GANConfig,
    moments: Sequence[int],
    drawn: Mapping[str, ScarceSplits],
    corpus: EmbeddedCorpus,
    networks: int,
    judge_sees_corpus: bool = True,
) -> dict[int, list[np.ndarray]]:
    """Return each draw's gain in points, per domain, after some numbers of fine-tuning steps."""
    pretrained = pretrain(config, corpus, networks)
    gains: dict[int, list[np.ndarray]] = {moment: [] for moment in moments}
    for splits in drawn.values():
        n = splits.X_train.shape[1]
        gan = GAN(replace(config, steps=max(moments), batch_size=min(config.batch_size, n)))
        real = StackedClassifier().fit(splits.X_train, splits.y_train)
        alone = real.score(splits.X_test, splits.y_test)

        def look(
            step: int, gan: GAN = gan, s: ScarceSplits = splits, alone: np.ndarray = alone
        ) -> None:
            if step in moments:
                X, y = gan.sample(N_ADDED)
                X = np.concatenate([s.X_train, X], axis=1)
                y = np.concatenate([s.y_train, y], axis=1)
                score = StackedClassifier().fit(X, y).score(s.X_test, s.y_test)
                # A draw's five folds share their rows: the draw is what counts as an observation.
                gains[step].append(100 * (score - alone).reshape(5, -1).mean(axis=0))

        gan.fit(
            splits.X_train,
            splits.y_train,
            classifier=fit_judge(splits, corpus if judge_sees_corpus else None),
            start=pretrained.select([k % networks for k in range(splits.n_draws)]),
            after_step=look,
        )
    return gains


def report(title: str, per_domain: list[np.ndarray]) -> None:
    """Print the mean gain of each domain with its interval, and the mean of the domains."""
    shown = [paired_difference(g, np.zeros_like(g)) for g in per_domain]
    columns = "  ".join(f"{s!s:<19}" for s in shown)
    print(f"{title}  {columns}  {np.mean([s.mean for s in shown]):+.2f}", flush=True)


def main() -> None:
    """Print the gain in cross-validation of every candidate."""
    corpus, drawn = embed("tweets"), draw_folds(48)
    print("consistency  judge             steps  movie                product              mean")
    for weight, sees_tweets in itertools.product((1.0, 3.0), (False, True)):
        config = replace(configure(CHANGES), consistency=weight)
        judge = "target and tweets" if sees_tweets else "target"
        gains = gains_over_training(config, MOMENTS, drawn, corpus, NETWORKS, sees_tweets)
        for moment, per_domain in gains.items():
            report(f"{weight:11.1f}  {judge:<17} {moment:5d}", per_domain)


if __name__ == "__main__":
    main()
