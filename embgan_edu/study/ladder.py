"""The whole ladder: every rung and every baseline, on the same draws, in one table.

What came after the paper (:mod:`embgan_edu.study.beyond`) is measured in the same way.

The table is made of *cells*: one method on one corpus with one number of training rows. A finished
cell is kept in the cache under a key of all that it depends on, so a run that was stopped goes on
where it was, and a second run only reads.
"""

import inspect
import json
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from embgan_edu.base.cache import atomic_path, cache_dir, code_key, content_key, results_dir
from embgan_edu.base.errors import ConfigError, DataError
from embgan_edu.data.embedding import EmbeddedCorpus
from embgan_edu.data.splits import ScarceSplits, draw_splits
from embgan_edu.measure.evaluation import REAL_ONLY, REAL_VS_REAL, SUMMARY, evaluate, summarize
from embgan_edu.models.baselines import ClassGaussian, Jitter, Memorizer, RealPool, Sampler, Smote
from embgan_edu.models.stacked import describe_computer
from embgan_edu.study import beyond
from embgan_edu.study.recipe import (
    ABLATION,
    FINE_TUNING_STEPS,
    LADDER,
    NETWORKS,
    configure,
    fit_rung,
)

REAL_TWEETS = "real tweets"
WHOLE = list(LADDER)[-1]  # the rung with every change
BASELINES: dict[str, Callable[[], Sampler]] = {
    "memorizer": Memorizer,
    "jitter": Jitter,
    "SMOTE": Smote,
    "class Gaussian": ClassGaussian,
}
STORED = results_dir() / "ladder.csv"  # the whole grid, as chapter 10 publishes it
BEYOND = results_dir() / "beyond.csv"  # the methods of chapters 11 to 14
METHODS = (*BASELINES, REAL_TWEETS, *LADDER, *ABLATION)
KEYS = ("corpus", "n_train", "method", "draw")


def possible_methods(target: EmbeddedCorpus, source: EmbeddedCorpus) -> tuple[str, ...]:
    """Return the methods that fit a corpus: all, or those that need no other labeled corpus.

    First those of the ladder, then those of :mod:`embgan_edu.study.beyond`.

    Args:
        target: The corpus to classify.
        source: The corpus to pretrain on. It is of use only where its labels are the target's.

    Example:
        >>> import numpy as np
        >>> rows, labels = np.eye(2), np.array([0, 1])
        >>> stars = EmbeddedCorpus("stars", rows, labels, ("one", "five"), 0)
        >>> tweets = EmbeddedCorpus("tweets", rows, labels, ("negative", "positive"), 0)
        >>> "+ consistency" in possible_methods(stars, tweets)
        True
        >>> "+ pretraining" in possible_methods(stars, tweets)
        False
    """
    every = (*METHODS, *beyond.METHODS)
    if target.label_names == source.label_names:
        return every
    rungs = LADDER | ABLATION
    need_source = {REAL_TWEETS}
    need_source |= {name for name, changes in rungs.items() if "pretraining" in changes}
    need_source |= {name for name, method in beyond.METHODS.items() if method.needs_source}
    return tuple(name for name in every if name not in need_source)


def run_ladder(
    target: EmbeddedCorpus,
    source: EmbeddedCorpus,
    n_train: int = 100,
    draws: int = 16,
    methods: Sequence[str] | None = None,
    data_seed: int = 2019,
    random_state: int = 0,
    progress: bool = False,
    report: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Evaluate methods on the draws of one corpus; read the cells that are in the cache.

    Args:
        target: The corpus to classify.
        source: The corpus to pretrain on, and to take real rows from: the tweets.
        n_train: Training rows per draw.
        draws: Number of draws.
        methods: Names from ``METHODS`` or ``beyond.METHODS``; where none is given, all of
            ``METHODS`` that are possible.
        data_seed: Which rows are drawn.
        random_state: Seed of training and sampling.
        progress: Show a progress line while a GAN trains.
        report: Gets a line before every cell that has to be computed.

    Returns:
        A table with the columns ``corpus``, ``n_train``, ``method``, ``draw`` and one for each
        measure of :mod:`embgan_edu.measure.evaluation`. What does not apply to a method is NaN.
        First comes ``"real only"``, then the methods as given, then ``"real vs real"``.

    Raises:
        ConfigError: An unknown method, or one that is not possible for this corpus.
        DataError: Too few rows for ``n_train``, or corpora of different dimensions.
    """
    if target.X.shape[1] != source.X.shape[1]:
        raise DataError(
            f"{target.name!r} has {target.X.shape[1]} dimensions and {source.name!r} "
            f"{source.X.shape[1]}; embed both with the same word vectors."
        )
    possible = possible_methods(target, source)
    if methods is None:
        methods = [method for method in possible if method in METHODS]
    methods = list(dict.fromkeys(methods))
    for method in methods:
        if method not in possible:
            reason = (
                "There is no method"
                if method not in (*METHODS, *beyond.METHODS)
                else (
                    f"The labels of {target.name!r} are {', '.join(target.label_names)}, those of "
                    f"{source.name!r} {', '.join(source.label_names)}; that excludes"
                )
            )
            raise ConfigError(f"{reason} {method!r}. Possible: {', '.join(possible)}.")
    splits = draw_splits(target, n_train, draws=draws, random_state=data_seed)
    paths = {
        method: _cell_path(
            (target.X, target.y, *target.texts, source.X, source.y, *source.texts),
            (n_train, draws, method, data_seed, random_state),
        )
        for method in methods
    }
    cells = {method: _read_cell(paths[method], draws) for method in methods}
    waiting = [method for method in methods if cells[method] is None]
    for number, method in enumerate(waiting, 1):
        if report:
            report(
                f"[{number}/{len(waiting)}] {target.name}, {n_train} rows, {draws} draws: {method}"
            )
        sampler = _fit(method, splits, target, source, random_state, progress)
        table = evaluate({method: sampler}, splits, random_state=random_state)
        cell = _wide(table)
        with atomic_path(paths[method]) as path:
            cell.to_csv(path, index=False)
        cells[method] = cell
    # Every cell also holds "real only" and "real vs real"; they are the same in all.
    table = pd.concat(cells.values()).drop_duplicates(["method", "draw"])
    order = [REAL_ONLY, *methods, REAL_VS_REAL]
    table = table.sort_values("method", key=lambda column: column.map(order.index), kind="stable")
    table.insert(0, "corpus", target.name)  # not in the cells: a copy may have another name
    table.insert(1, "n_train", n_train)
    return table.reset_index(drop=True)


def summarize_ladder(table: pd.DataFrame) -> pd.DataFrame:
    """Return what :mod:`embgan_edu.measure.evaluation` says of each corpus and ``n_train``.

    Args:
        table: What :func:`run_ladder` returned, or several such tables in one.

    Returns:
        A table indexed by corpus, number of training rows and method.
    """
    parts = {
        key: summarize(part.melt(list(KEYS), var_name="metric").dropna(subset="value"))
        for key, part in table.groupby(["corpus", "n_train"], sort=False)
    }
    return pd.concat(parts, names=["corpus", "n_train"])


def verdict(summary: pd.DataFrame) -> str:
    """Say in one sentence whether the whole recipe helped on one corpus.

    Args:
        summary: What :func:`embgan_edu.measure.evaluation.summarize` returned.

    Example:
        >>> rows = {"gain": [0.0, 1.2], "gain_low": [-0.5, 0.4], "gain_high": [0.5, 2.0]}
        >>> verdict(pd.DataFrame(rows, index=["jitter", "+ smoothing"]))
        'The whole recipe helped: +1.2 points [0.4, 2.0].'
    """
    rungs = [method for method in LADDER if method in summary.index]
    if not rungs:
        return "No rung of the ladder was run, so nothing can be said about the recipe."
    name = "The whole recipe" if rungs[-1] == WHOLE else f"The last rung run, {rungs[-1]!r},"
    interval = summary.loc[rungs[-1], ["gain", "gain_low", "gain_high"]].to_numpy(dtype=float)
    # Adding zero turns the -0.0 of a small negative number into 0.0.
    shown = "{:+.1f} points [{:.1f}, {:.1f}]".format(*(interval.round(1) + 0.0))
    _, low, high = interval
    if low > 0:
        return f"{name} helped: {shown}."
    if high < 0:
        return f"{name} did harm: {shown}. Do not add its rows."
    return f"{name} cannot be said to help: {shown}. The interval holds zero; more draws may tell."


def describe_run(draws: int, data_seed: int, random_state: int) -> dict[str, Any]:
    """Return what a stored table has to say of itself: settings, seeds, versions, device."""
    return {
        "draws": draws,
        "data_seed": data_seed,
        "training_seed": random_state,
        "fine_tuning_steps": FINE_TUNING_STEPS,
        "pretrained_networks": NETWORKS,
        "settings": {
            name: asdict(configure(changes)) for name, changes in (LADDER | ABLATION).items()
        },
        "python": platform.python_version(),
        "torch": torch.__version__.split("+")[0],
        "device": describe_computer(),
    }


def write_table(table: pd.DataFrame, about: dict[str, Any], path: Path) -> None:
    """Write a table to ``.csv`` or ``.json``, in one go.

    A CSV file holds ``about`` in its first line, behind ``#``, and then the table. A JSON file
    holds ``about``, the ``summary`` over draws, and the table as ``rows``.

    Raises:
        ConfigError: Another ending.

    Example:
        >>> write_table(pd.DataFrame(), {}, Path("table.xlsx"))
        Traceback (most recent call last):
        embgan_edu.base.errors.ConfigError: 'table.xlsx' ends in '.xlsx'; expected .csv or .json.
    """
    if path.suffix not in {".csv", ".json"}:
        raise ConfigError(f"{path.name!r} ends in {path.suffix!r}; expected .csv or .json.")
    with atomic_path(path) as temporary:
        if path.suffix == ".csv":
            head = f"# {json.dumps(about)}\n"
            temporary.write_text(head + table.to_csv(index=False), encoding="utf-8")
        else:
            summary = summarize_ladder(table).reset_index()
            whole = about | {
                "summary": json.loads(summary.to_json(orient="records")),
                "rows": json.loads(table.to_json(orient="records")),
            }
            temporary.write_text(json.dumps(whole, indent=1), encoding="utf-8")


def read_table(path: Path | None = None) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a table that :func:`write_table` wrote as CSV, and what it says of itself.

    Args:
        path: The file; the table that chapter 10 publishes where none is given.

    Raises:
        DataError: The file is missing, or is not such a table.
    """
    path = STORED if path is None else path
    try:
        with open(path, encoding="utf-8") as file:
            about = json.loads(file.readline().removeprefix("#"))
        table = pd.read_csv(path, comment="#")
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a ladder table ({error}).") from error
    missing = [name for name in (*KEYS, "accuracy") if name not in table]
    if missing:
        raise DataError(
            f"{path} is not a ladder table: it lacks the columns {', '.join(missing)}. "
            "Write one with embgan-edu ladder --output."
        )
    return table, about


def _fit(
    method: str,
    splits: ScarceSplits,
    target: EmbeddedCorpus,
    source: EmbeddedCorpus,
    random_state: int,
    progress: bool,
) -> Sampler:
    if method in beyond.METHODS:
        return beyond.METHODS[method].fit(splits, target, source, random_state, progress)
    rungs = LADDER | ABLATION
    if method in rungs:
        return fit_rung(rungs[method], splits, source, random_state, progress)
    if method == REAL_TWEETS:
        return RealPool(*splits.standardize(source)).fit(splits.X_train, splits.y_train)
    return BASELINES[method]().fit(splits.X_train, splits.y_train)


def _read_cell(path: Path, draws: int) -> pd.DataFrame | None:
    """Return a finished cell, or nothing where it is missing or damaged."""
    try:
        cell = pd.read_csv(path)
    except (OSError, ValueError):
        return None
    return cell if len(cell) == 3 * draws and "accuracy" in cell else None


def _wide(table: pd.DataFrame) -> pd.DataFrame:
    """One row per method and draw, one column per measure, rounded to what a reader can use."""
    wide = table.pivot(index=["method", "draw"], columns="metric", values="value")
    measures = [name for name in SUMMARY if not name.startswith("gain")]
    percent = ("accuracy", "tstr", "trts")
    wide = wide.reindex(columns=measures).round({m: 2 if m in percent else 3 for m in measures})
    return wide.reset_index().rename_axis(columns=None)


def _cell_path(arrays: Iterable[Any], settings: tuple[Any, ...]) -> Path:
    modules = ["data.splits", "measure.evaluation", "measure.metrics", "models.baselines"]
    modules += ["models.classifier", "models.gan", "models.losses", "models.stacked"]
    modules += ["study.recipe"]
    _, _, name, _, _ = settings
    own = []
    if name in beyond.METHODS:
        method = beyond.METHODS[name]
        modules += method.modules
        own = [method.settings]
    code = [code_key(*modules), inspect.getsource(_fit), inspect.getsource(_wide), *own]
    key = content_key(json.dumps(settings), *arrays, *code, describe_computer())
    return cache_dir() / "ladder" / f"{key}.csv"
