"""Compare a ladder that was computed again with the one that chapter 10 publishes.

    python benchmarks/compare_ladders.py _build/ladder.csv

On the same kind of processor both are the same. On another one the last digit of a weight may
differ. Training a GAN amplifies it until the run is as good as one with another training seed. How
much a seed moves a gain, the register knows: the band of chapter 10's figures ``off-movie`` and
``off-product``. The mean accuracy with a GAN may move by no more than that, and where no GAN is
trained by no more than a rounding of single test rows.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

from embgan_edu import figures
from embgan_edu.errors import EmbganError
from embgan_edu.evaluation import REAL_VS_REAL
from embgan_edu.ladder import KEYS, read_table
from embgan_edu.recipe import ABLATION, LADDER

WITHOUT_GAN = 0.1  # points; one of 1,800 test rows, in every draw, is 0.06


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
    parser.add_argument("fresh", type=Path, help="a table of embgan-edu ladder --output")
    arguments = parser.parse_args()
    try:
        moved = differences(read_table()[0], read_table(arguments.fresh)[0])
        register = figures.load_register()
    except EmbganError as error:
        sys.exit(str(error))
    moved_too_far = False
    with_gan = moved.index.get_level_values("method").isin(LADDER | ABLATION)
    for (corpus, trained), part in moved.groupby([moved.index.get_level_values(0), with_gan]):
        figure = register[f"ch10/off-{corpus}"]
        allowed = (figure.high - figure.low) / 2 if trained else WITHOUT_GAN
        largest = part.abs().max()
        moved_too_far |= largest > allowed
        print(
            f"{corpus}, {'with' if trained else 'without'} a GAN: {len(part)} cells; the largest "
            f"difference is {largest:.2f} points, at most {allowed:.2f} is allowed"
        )
    sys.exit(int(moved_too_far))


if __name__ == "__main__":
    main()
