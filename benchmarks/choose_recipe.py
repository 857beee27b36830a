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

import dataclasses
import itertools

import numpy as np

from embgan_edu.classifier import StackedClassifier
from embgan_edu.embedding import embed
from embgan_edu.gan import GAN
from embgan_edu.protocol import draw_splits, paired_difference
from embgan_edu.recipe import CHANGES, NETWORKS, configure, fit_judge, pretrain

DOMAINS = ("movie", "product")
N_ADDED = 240  # three for each of the 80 real rows
MOMENTS = (25, 50, 100, 200)


def main() -> None:
    """Print the gain in cross-validation of every candidate."""
    corpus = embed("tweets")
    drawn = {d: draw_splits(embed(d), 100, draws=48, random_state=7).folds() for d in DOMAINS}
    alone = {
        d: StackedClassifier().fit(s.X_train, s.y_train).score(s.X_test, s.y_test)
        for d, s in drawn.items()
    }

    def gain(domain: str, gan: GAN) -> np.ndarray:
        splits = drawn[domain]
        X, y = gan.sample(N_ADDED)
        X = np.concatenate([splits.X_train, X], axis=1)
        y = np.concatenate([splits.y_train, y], axis=1)
        score = StackedClassifier().fit(X, y).score(splits.X_test, splits.y_test)
        # A draw's five folds share their rows, so the draw is what counts as one observation.
        return 100 * (score - alone[domain]).reshape(5, -1).mean(axis=0)

    print("consistency  judge             steps  movie                product              mean")
    for weight, sees_tweets in itertools.product((1.0, 3.0), (False, True)):
        config = dataclasses.replace(configure(CHANGES), consistency=weight)
        pretrained = pretrain(config, corpus)
        gains: dict[int, list[np.ndarray]] = {moment: [] for moment in MOMENTS}
        for domain, splits in drawn.items():
            gan = GAN(dataclasses.replace(config, steps=max(MOMENTS)))

            def look(step: int, gan: GAN = gan, domain: str = domain) -> None:
                if step in MOMENTS:
                    gains[step].append(gain(domain, gan))  # noqa: B023

            gan.fit(
                splits.X_train,
                splits.y_train,
                classifier=fit_judge(splits, corpus if sees_tweets else None),
                start=pretrained.select([k % NETWORKS for k in range(splits.n_draws)]),
                after_step=look,
            )
        for moment, per_domain in gains.items():
            shown = [paired_difference(g, np.zeros_like(g)) for g in per_domain]
            judge = "target and tweets" if sees_tweets else "target"
            print(
                f"{weight:11.1f}  {judge:<17} {moment:5d}  "
                + "  ".join(f"{s!s:<19}" for s in shown)
                + f"  {np.mean([s.mean for s in shown]):+.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
