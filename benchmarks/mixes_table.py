"""Compute what mixing does: gain against number of rows and weight of the reviews.

    python benchmarks/mixes_table.py _build/mixes.csv _build/own_mix.csv

For every method that adds rows, each mix of a grid is measured twice: *inside* the training rows of
draws that no chapter reports, by cross-validation (``choose_controls.py``), and on the test rows of
the chapters' draws. The first chooses one mix for each method and both domains, the second says
what it is worth. ``mixes.csv`` has both for the whole grid, ``own_mix.csv`` every draw of the mixes
chosen, with the columns of the ladder. Finished cells are kept in the cache.
"""

import argparse
import itertools
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from choose_controls import DOMAINS, draw_folds, inside

from embgan_edu.base.errors import EmbganError
from embgan_edu.data.embedding import embed
from embgan_edu.measure.evaluation import REAL_ONLY, Mix, accuracies, evaluate, summarize
from embgan_edu.study.ladder import (
    REAL_TWEETS,
    WHOLE,
    describe_run,
    fit_method,
    long,
    run_ladder,
    write_table,
)

DATA_SEED, TRAINING_SEED, DRAWS = 2019, 0, 64
METHODS = (
    "class Gaussian",
    REAL_TWEETS,
    "tweet Gaussian",
    "judged noise",
    "judged tweet Gaussian",
    "vanilla GAN",
    WHOLE,
    "R3GAN, wide",
)
MIXES = [
    *(Mix(added, weight) for added, weight in itertools.product((100, 300, 1000, 3000), (1, 10))),
    Mix(3000, 0),
]


def gains_inside(method: str) -> dict[str, list[float]]:
    """Return the gain of every mix inside training rows, by domain."""
    tweets = embed("tweets")
    gains = {}
    for domain, splits in draw_folds(16).items():
        fitted = fit_method(method, splits, embed(domain), tweets, TRAINING_SEED)
        table = evaluate({method: fitted}, splits, mixes=MIXES)
        alone = accuracies(table, REAL_ONLY)
        gains[domain] = [
            float(inside(accuracies(table, f"{method}, {mix}"), alone).mean()) for mix in MIXES
        ]
    return gains


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("mixes", type=Path, help="the table of all mixes to write")
    parser.add_argument("own", type=Path, help="the table of the chosen mixes to write")
    arguments = parser.parse_args()
    tweets = embed("tweets")
    rows, chosen = [], []
    try:
        for method in METHODS:
            print(method, file=sys.stderr, flush=True)
            found = gains_inside(method)
            best = MIXES[int(np.mean([found[domain] for domain in DOMAINS], axis=0).argmax())]
            for domain in DOMAINS:
                table = run_ladder(
                    embed(domain),
                    tweets,
                    100,
                    DRAWS,
                    [method],
                    data_seed=DATA_SEED,
                    random_state=TRAINING_SEED,
                    mixes=MIXES,
                )
                summary = summarize(long(table).drop(columns=["corpus", "n_train"]))
                for mix, gain in zip(MIXES, found[domain], strict=True):
                    line = summary.loc[f"{method}, {mix}"]
                    rows.append(
                        {
                            "corpus": domain,
                            "method": method,
                            "added": mix.added,
                            "real_weight": mix.real_weight,
                            "chosen": mix == best,
                            "inside": round(gain, 2),
                            "gain": round(line["gain"], 2),
                            "gain_low": round(line["gain_low"], 2),
                            "gain_high": round(line["gain_high"], 2),
                        }
                    )
                own = table[table["method"] == f"{method}, {best}"]
                chosen.append(own.assign(method=f"{method}, own mix"))
    except EmbganError as error:
        sys.exit(str(error))
    about = describe_run(DRAWS, DATA_SEED, TRAINING_SEED)
    del about["settings"]
    write_table(pd.DataFrame(rows), about, arguments.mixes)
    write_table(pd.concat(chosen), about, arguments.own)


if __name__ == "__main__":
    main()
