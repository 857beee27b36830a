"""Compute the factorial of chapter 10: every set of changes on the same draws of 100 reviews.

    python benchmarks/factorial_table.py _build/factorial.csv

The tweets' judge is a judge for consistency, so the sets that have it without consistency are left
out; 48 of 64 remain. Finished cells are kept in the cache. The table in the repository,
``embgan_edu/results/factorial.csv``, is a copy of an earlier result.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

from embgan_edu.base.errors import EmbganError
from embgan_edu.data.embedding import embed
from embgan_edu.study.ladder import describe_run, run_ladder, write_table
from embgan_edu.study.recipe import FACTORIAL

DATA_SEED, TRAINING_SEED, DRAWS = 2019, 0, 16
DOMAINS = ("movie", "product")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("output", type=Path, help="the table to write")
    arguments = parser.parse_args()
    tweets = embed("tweets")
    try:
        tables = [
            run_ladder(
                embed(domain),
                tweets,
                100,
                DRAWS,
                list(FACTORIAL),
                data_seed=DATA_SEED,
                random_state=TRAINING_SEED,
                report=lambda line: print(line, file=sys.stderr, flush=True),
            )
            for domain in DOMAINS
        ]
    except EmbganError as error:
        sys.exit(str(error))
    about = describe_run(DRAWS, DATA_SEED, TRAINING_SEED)
    write_table(pd.concat(tables), about, arguments.output)


if __name__ == "__main__":
    main()
