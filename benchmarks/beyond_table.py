"""Compute the table of chapters 11 to 14: what came after the paper, on the draws of chapter 10.

    python benchmarks/beyond_table.py _build/beyond.csv

Reviews: every method of ``embgan_edu.study.beyond`` on 64 draws of 100 reviews. Tweets: every GAN
from scratch on eight draws of 2,700 tweets, measured with the others. Finished cells are kept in
the cache. The table in the repository, ``embgan_edu/results/beyond.csv``, is a copy of an earlier
result; ``compare_ladders.py`` compares the two.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

from embgan_edu.base.errors import EmbganError
from embgan_edu.data.embedding import embed
from embgan_edu.study import beyond
from embgan_edu.study.ladder import describe_run, run_ladder, write_table

DATA_SEED, TRAINING_SEED = 2019, 0
DRAWS, TWEET_DRAWS = 64, 8
TWEETS_TRAINED_ON = 2700


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("output", type=Path, help="the table to write")
    arguments = parser.parse_args()
    tweets = embed("tweets")
    from_scratch = [name for name in beyond.METHODS if name.endswith(beyond.FROM_SCRATCH)]
    on_reviews = [name for name in beyond.METHODS if name not in from_scratch]
    runs = [(embed(domain), 100, DRAWS, on_reviews) for domain in ("movie", "product")]
    runs.append((tweets, TWEETS_TRAINED_ON, TWEET_DRAWS, ["vanilla GAN", *from_scratch]))
    try:
        tables = [
            run_ladder(
                target,
                tweets,
                n_train,
                draws,
                methods,
                data_seed=DATA_SEED,
                random_state=TRAINING_SEED,
                report=lambda line: print(line, file=sys.stderr, flush=True),
            )
            for target, n_train, draws, methods in runs
        ]
    except EmbganError as error:
        sys.exit(str(error))
    about = describe_run(DRAWS, DATA_SEED, TRAINING_SEED)
    del about["settings"]  # those of the ladder; these are beyond.NEWER_GANS and the modules'
    write_table(pd.concat(tables), about | {"tweet_draws": TWEET_DRAWS}, arguments.output)


if __name__ == "__main__":
    main()
