"""Compute the tables of chapter 10.

    python benchmarks/ladder_tables.py _build

- ``ladder.csv``: with 100 training rows the ladder, its ablation, baselines and controls; with
  other numbers of rows the whole recipe, the plain GAN, and the controls.
- ``factorial.csv``: every set of changes, on the first 16 draws.
- ``mixes.csv`` and ``own_mix.csv``: what is gained with other numbers of added rows and other
  weights of the reviews. Each mix is measured twice: *inside* the training rows of draws that no
  chapter reports, by cross-validation (``choose_controls.py``), and on the test rows of the
  chapters' draws. The first chooses one mix for each method and both domains, the second says what
  it is worth. ``mixes.csv`` sums up the whole grid, ``own_mix.csv`` has every draw of those chosen.
- ``lockbox.csv``: the settled methods on editorial sentences, on which nothing was chosen.

This takes hours. Finished cells are kept in the cache. The tables in ``embgan_edu/results/`` are
copies of an earlier result; ``compare_ladders.py`` compares the two.
"""

import argparse
import itertools
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from choose_controls import DOMAINS, draw_folds, inside

from embgan_edu.base.errors import EmbganError
from embgan_edu.data.embedding import embed
from embgan_edu.measure.evaluation import REAL_ONLY, Mix, accuracies, evaluate, summarize
from embgan_edu.study import controls
from embgan_edu.study.ladder import (
    FACTORS,
    LOCKBOX,
    METHODS,
    MIXES,
    OWN_MIX,
    REAL_TWEETS,
    STORED,
    WHOLE,
    describe_run,
    fit_method,
    long,
    run_ladder,
    write_table,
)
from embgan_edu.study.recipe import FACTORIAL

DATA_SEED, TRAINING_SEED, DRAWS, FEW_DRAWS = 2019, 0, 64, 16
SIZES = (50, 100, 200, 500)
SETTLED = [REAL_TWEETS, "vanilla GAN", WHOLE]
SETTLED += [name for name in controls.METHODS if name not in controls.GAN_STEPS]
MIXED = [REAL_TWEETS, "tweet Gaussian", "judged tweet Gaussian", "judged noise", WHOLE]
MIXED += ["R3GAN, wide", "class Gaussian"]
GRID = [
    *(Mix(added, weight) for added, weight in itertools.product((100, 300, 1000, 3000), (1, 10))),
    Mix(3000, 0),
]


def run(
    domain: str,
    methods: Sequence[str],
    n_train: int = 100,
    draws: int = DRAWS,
    mixes: Sequence[Mix] = (),
) -> pd.DataFrame:
    """Compute what is not yet in the cache, and say so."""
    return run_ladder(
        embed(domain),
        embed("tweets"),
        n_train,
        draws,
        methods,
        data_seed=DATA_SEED,
        random_state=TRAINING_SEED,
        report=partial(print, file=sys.stderr, flush=True),
        mixes=mixes,
    )


def gains_inside(method: str) -> dict[str, list[float]]:
    """Return the gain of every mix inside training rows, by domain."""
    print(f"inside training rows: {method}", file=sys.stderr, flush=True)
    tweets = embed("tweets")
    gains = {}
    for domain, splits in draw_folds(16).items():
        fitted = fit_method(method, splits, embed(domain), tweets, TRAINING_SEED)
        table = evaluate({method: fitted}, splits, mixes=GRID)
        alone = accuracies(table, REAL_ONLY)
        gains[domain] = [
            float(inside(accuracies(table, f"{method}, {mix}"), alone).mean()) for mix in GRID
        ]
    return gains


def mix_tables(method: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the summary of all mixes of a method, and the draws of the one chosen."""
    found = gains_inside(method)
    best = GRID[int(np.mean([found[domain] for domain in DOMAINS], axis=0).argmax())]
    rows, chosen = [], []
    for domain in DOMAINS:
        table = run(domain, [method], mixes=GRID)
        summary = summarize(long(table).drop(columns=["corpus", "n_train"]))
        for mix, gain in zip(GRID, found[domain], strict=True):
            line = summary.loc[f"{method}, {mix}"]
            rows.append(
                {
                    "corpus": domain,
                    "method": method,
                    "added": mix.added,
                    "real_weight": mix.real_weight,
                    "chosen": mix == best,
                    "inside": gain,
                    **line[["gain", "gain_low", "gain_high"]],
                }
            )
        own = table[table["method"] == f"{method}, {best}"]
        chosen.append(own.assign(method=f"{method}, own mix"))
    return pd.DataFrame(rows).round(2), pd.concat(chosen)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="the folder to write the tables to")
    folder = parser.parse_args().folder
    try:
        ladder = pd.concat(
            [run(domain, METHODS if n == 100 else SETTLED, n) for domain in DOMAINS for n in SIZES]
        )
        factors = pd.concat([run(domain, list(FACTORIAL), draws=FEW_DRAWS) for domain in DOMAINS])
        mixed = [mix_tables(method) for method in MIXED]
        mixes, own = (pd.concat([pair[place] for pair in mixed]) for place in (0, 1))
        lockbox = run("editorial", SETTLED)
        about = describe_run(DRAWS, DATA_SEED, TRAINING_SEED)
        write_table(ladder, about, folder / STORED.name)
        write_table(factors, about | {"draws": FEW_DRAWS}, folder / FACTORS.name)
        write_table(mixes, about, folder / MIXES.name)
        write_table(own, about, folder / OWN_MIX.name)
        write_table(lockbox, about, folder / LOCKBOX.name)
    except EmbganError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
