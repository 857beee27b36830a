"""Compare a table that was computed again with the stored one of the same name.

    python benchmarks/compare_ladders.py _build/ladder.csv _build/factorial.csv _build/beyond.csv

Tables that ``ladder_tables.py`` and ``beyond_table.py`` wrote. On the same kind of processor both
are the same. On another one the last digit of a weight may differ. Training a generative model
amplifies it until the run is as good as one with another training seed. How much a seed moves a
gain, the register knows: the band of chapter 10's figures ``live-movie`` and ``live-product``. The
mean accuracy with a trained model may move by no more than that, on the other corpora as on
products, and where none is trained by no more than a rounding of single test rows.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

from embgan_edu.base.errors import EmbganError
from embgan_edu.measure.evaluation import REAL_ONLY, REAL_VS_REAL
from embgan_edu.publish import figures
from embgan_edu.study.ladder import (
    BASELINES,
    BEYOND,
    FACTORS,
    KEYS,
    LOCKBOX,
    OWN_MIX,
    REAL_TWEETS,
    STORED,
    read_table,
)

UNTRAINED = (REAL_ONLY, *BASELINES, REAL_TWEETS, "aligned tweets", "templates", "word soup")
WITHOUT_TRAINING = 0.1  # points; one of 1,800 test rows, in every draw, is 0.06


def differences(stored: pd.DataFrame, fresh: pd.DataFrame) -> pd.Series:
    """Return fresh minus stored mean accuracy of every corpus, number of rows, and method.

    Raises:
        SystemExit: The tables do not hold the same cells.

    >>> rows = {"corpus": ["movie"], "n_train": [100], "method": ["SMOTE"], "draw": [0]}
    >>> a, b = pd.DataFrame(rows | {"accuracy": [62.0]}), pd.DataFrame(rows | {"accuracy": [62.5]})
    >>> differences(a, b).to_dict()
    {('movie', 100, 'SMOTE'): 0.5}
    """
    accuracy = [table.set_index(list(KEYS))["accuracy"].sort_index() for table in (stored, fresh)]
    if not accuracy[0].index.equals(accuracy[1].index):
        sys.exit("The two tables do not hold the same corpora, numbers of rows, methods and draws.")
    moved = (accuracy[1] - accuracy[0]).drop(REAL_VS_REAL, level="method", errors="ignore")
    if moved.isna().any():
        where = ", ".join(map(str, moved.index[moved.isna()][0]))
        sys.exit(f"One of the tables has no accuracy at {where}.")
    return moved.groupby(level=list(KEYS[:3]), sort=False).mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("fresh", type=Path, nargs="+", help="a table named as the stored one")
    arguments = parser.parse_args()
    stored = {path.name: path for path in (STORED, FACTORS, OWN_MIX, LOCKBOX, BEYOND)}
    moved_too_far = False
    for path in arguments.fresh:
        if path.name not in stored:
            sys.exit(f"No stored table is named {path.name}; possible: {', '.join(stored)}.")
        try:
            moved = differences(read_table(stored[path.name])[0], read_table(path)[0])
            register = figures.load_register()
        except EmbganError as error:
            sys.exit(str(error))
        untrained = moved.index.get_level_values("method").isin(UNTRAINED)
        for (corpus, exact), part in moved.groupby([moved.index.get_level_values(0), untrained]):
            figure = register.get(f"ch10/live-{corpus}", register["ch10/live-product"])
            allowed = WITHOUT_TRAINING if exact else (figure.high - figure.low) / 2
            largest = part.abs().max()
            moved_too_far |= largest > allowed
            print(
                f"{path.name}, {corpus}, {'without' if exact else 'with'} a trained model: "
                f"{len(part)} cells; the largest difference is {largest:.2f} points, at most "
                f"{allowed:.2f} is allowed"
            )
    sys.exit(int(moved_too_far))


if __name__ == "__main__":
    main()
