"""Choose the classifier's settings, and how many rows to add, without any reported draw.

The draws here have another seed than those of the chapters. Steps and learning rate come from
five-fold cross-validation inside training sets of 100 and of 1,000 rows: one setting has to serve
the scarce set and the augmented one. The number of added rows comes from real tweets in place of
synthetic ones, so that no generator had a say; of two that do equally well we take the smaller.

Run: python benchmarks/choose_classifier.py  (about two minutes)
"""

import itertools

import numpy as np

from embgan_edu.data.embedding import embed
from embgan_edu.data.splits import draw_splits
from embgan_edu.measure.evaluation import Mix, evaluate, summarize
from embgan_edu.models.baselines import RealPool
from embgan_edu.models.classifier import StackedClassifier

DOMAINS = ("movie", "product")
SPLITS = {
    (domain, n_train): draw_splits(embed(domain), n_train, draws=32, random_state=7)
    for domain in DOMAINS
    for n_train in (100, 1000)
}


def cross_validated(n_train: int, steps: int, learning_rate: float) -> float:
    """Return the mean accuracy (%) on held-out fifths of the training rows, over both domains."""
    scores = []
    for domain in DOMAINS:
        splits = SPLITS[domain, n_train]
        fold = np.arange(splits.X_train.shape[1]) % 5
        for held_out in range(5):
            train, test = fold != held_out, fold == held_out
            classifier = StackedClassifier(steps=steps, learning_rate=learning_rate)
            classifier.fit(splits.X_train[:, train], splits.y_train[:, train])
            scores.append(classifier.score(splits.X_train[:, test], splits.y_train[:, test]))
    return 100 * float(np.mean(scores))


def main() -> None:
    """Print both tables."""
    print("                      accuracy in cross-validation (%)")
    print("steps  learning rate  100 rows  1,000 rows   mean")
    for steps, rate in itertools.product((10, 30, 100), (0.002, 0.005, 0.01)):
        few, many = (cross_validated(n_train, steps, rate) for n_train in (100, 1000))
        print(
            f"{steps:5d}  {rate:13.3f}  {few:8.2f}  {many:10.2f}  {(few + many) / 2:.2f}",
            flush=True,
        )

    print("\nadded tweets  " + "  ".join(f"gain, {domain} (points)" for domain in DOMAINS))
    mixes = [Mix(added) for added in (100, 300, 1000)]
    tables = []
    for domain in DOMAINS:
        splits = SPLITS[domain, 100]
        pool = RealPool(*splits.standardize(embed("tweets"))).fit(splits.X_train, splits.y_train)
        tables.append(summarize(evaluate({"tweets": pool}, splits, mixes=mixes)))
    for mix in mixes:
        gains = [
            "{gain:+.2f} [{gain_low:+.2f}, {gain_high:+.2f}]".format(**table.loc[f"tweets, {mix}"])
            for table in tables
        ]
        print(f"{mix.added:12d}  " + "  ".join(gains), flush=True)


if __name__ == "__main__":
    main()
