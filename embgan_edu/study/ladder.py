"""The whole ladder: every rung, baseline and control, on the same draws, in one table.

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
from embgan_edu.measure.evaluation import (
    PART_METRICS,
    REAL_ONLY,
    REAL_VS_REAL,
    SUMMARY,
    Mix,
    evaluate,
    summarize,
)
from embgan_edu.measure.paired import PARTS, PairedDifference
from embgan_edu.models.baselines import ClassGaussian, Jitter, Memorizer, RealPool, Sampler, Smote
from embgan_edu.models.classifier import Classifier
from embgan_edu.models.stacked import describe_computer
from embgan_edu.study import beyond, controls
from embgan_edu.study.method import Method
from embgan_edu.study.recipe import (
    ABLATION,
    FACTORIAL,
    FINE_TUNING_STEPS,
    LADDER,
    NEED_CORPUS,
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
FACTORS = results_dir() / "factorial.csv"  # every set of changes
LOCKBOX = results_dir() / "lockbox.csv"  # the settled methods on editorial sentences
OWN_MIX = results_dir() / "own_mix.csv"  # every method at the mix chosen for it
MIXES = results_dir() / "mixes.csv"  # all mixes, summarized
BEYOND = results_dir() / "beyond.csv"  # the methods of chapters 11 to 14
METHODS = (*BASELINES, REAL_TWEETS, *LADDER, *ABLATION, *controls.METHODS)
OTHERS: dict[str, Method] = controls.METHODS | beyond.METHODS
RUNGS = FACTORIAL | ABLATION | LADDER
KEYS = ("corpus", "n_train", "method", "draw")


def possible_methods(target: EmbeddedCorpus, source: EmbeddedCorpus) -> tuple[str, ...]:
    """Return the methods that fit a corpus: all, or those that need no other labeled corpus.

    First those of the ladder with its controls, then those of :mod:`embgan_edu.study.beyond`, then
    every other set of changes.

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
    every = (*METHODS, *beyond.METHODS, *FACTORIAL)
    if target.label_names == source.label_names:
        return every
    need_source = {REAL_TWEETS}
    need_source |= {name for name, changes in RUNGS.items() if {*changes} & NEED_CORPUS}
    need_source |= {name for name, method in OTHERS.items() if method.needs_source}
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
    mixes: Sequence[Mix] = (),
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
        mixes: Other mixes of real and synthetic rows than the usual one; see
            :func:`embgan_edu.measure.evaluation.evaluate`.

    Returns:
        A table with the columns ``corpus``, ``n_train``, ``method``, ``draw`` and one for each
        measure of :mod:`embgan_edu.measure.evaluation`. The columns ``part 1``, ... hold counts:
        the right answers on each part of the test reviews. What does not apply to a method is NaN.
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
                if method not in (*METHODS, *beyond.METHODS, *FACTORIAL)
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
            (n_train, draws, method, data_seed, random_state, [str(mix) for mix in mixes]),
        )
        for method in methods
    }
    cells = {method: _read_cell(paths[method]) for method in methods}
    waiting = [method for method in methods if cells[method] is None]
    for number, method in enumerate(waiting, 1):
        if report:
            report(
                f"[{number}/{len(waiting)}] {target.name}, {n_train} rows, {draws} draws: {method}"
            )
        fitted = fit_method(method, splits, target, source, random_state, progress)
        table = evaluate({method: fitted}, splits, mixes=mixes, random_state=random_state)
        cell = _wide(table, splits.X_test.shape[1])
        with atomic_path(paths[method]) as path:
            cell.to_csv(path, index=False)
        cells[method] = cell
    # Every cell also holds "real only" and "real vs real"; they are the same in all.
    table = pd.concat(cells.values()).drop_duplicates(["method", "draw"])
    order = {name: place for place, name in enumerate(dict.fromkeys(table["method"]))}
    order |= {REAL_ONLY: -1, REAL_VS_REAL: len(order)}
    table = table.sort_values("method", key=lambda column: column.map(order), kind="stable")
    table.insert(0, "corpus", target.name)  # not in the cells: a copy may have another name
    table.insert(1, "n_train", n_train)
    return table.reset_index(drop=True)


def fit_method(
    method: str,
    splits: ScarceSplits,
    target: EmbeddedCorpus,
    source: EmbeddedCorpus,
    random_state: int,
    progress: bool = False,
) -> Sampler | Classifier:
    """Fit a method of the table to draws, by its name.

    Args:
        method: One of ``possible_methods``.
        splits: The draws.
        target: The corpus that they were drawn from, with its texts.
        source: The corpus to pretrain on, and to take real rows from: the tweets.
        random_state: Seed.
        progress: Show a progress line while a GAN trains.
    """
    if method in OTHERS:
        return OTHERS[method].fit(splits, target, source, random_state, progress)
    if method in RUNGS:
        return fit_rung(RUNGS[method], splits, source, random_state, progress)
    if method == REAL_TWEETS:
        return RealPool(*splits.standardize(source)).fit(splits.X_train, splits.y_train)
    return BASELINES[method]().fit(splits.X_train, splits.y_train)


def summarize_ladder(table: pd.DataFrame) -> pd.DataFrame:
    """Return what :mod:`embgan_edu.measure.evaluation` says of each corpus and ``n_train``.

    Args:
        table: What :func:`run_ladder` returned, or several such tables in one.

    Returns:
        A table indexed by corpus, number of training rows and method.
    """
    parts = {
        key: summarize(long(part).drop(columns=["corpus", "n_train"]))
        for key, part in table.groupby(["corpus", "n_train"], sort=False)
    }
    return pd.concat(parts, names=["corpus", "n_train"])


def long(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of :func:`run_ladder` as :func:`embgan_edu.measure.evaluation.evaluate` does.

    Args:
        table: With a row for each method and draw, and a column for each measure.

    Returns:
        A row for each measure, beside the columns ``corpus`` and ``n_train``.
    """
    table = table.copy()
    counts = [name for name in PART_METRICS if name in table]
    if counts:
        right = table[counts].sum(axis=1).replace(0, 1)  # where none is right, all parts are 0
        table[counts] = table[counts].mul(PARTS * table["accuracy"] / right, axis=0)
    return table.melt(list(KEYS), var_name="metric").dropna(subset="value")


def verdict(summary: pd.DataFrame) -> str:
    """Say in one sentence whether the whole recipe helped on one corpus.

    Where the mean of two classifiers or judged noise was run as well, a second sentence says what
    they gained: what can be had from the same texts without a generator.

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

    def gain(method: str) -> PairedDifference:
        columns = ("gain", "gain_low", "gain_high")
        mean, low, high = (float(summary[name].to_dict()[method]) for name in columns)
        return PairedDifference(mean, low, high, n=0)

    ours = gain(rungs[-1])
    shown = str(ours).replace(" [", " points [")
    if ours.low > 0:
        said = f"{name} helped: {shown}."
    elif ours.high < 0:
        said = f"{name} did harm: {shown}. Do not add its rows."
    else:
        said = (
            f"{name} cannot be said to help: {shown}. The interval holds zero; more draws may tell."
        )
    simple = [
        f"{method} {gain(method)}"
        for method in ("mean of two", "judged noise")
        if method in summary.index
    ]
    return said + (f" Without a generator: {', '.join(simple)}." if simple else "")


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
            counts = {name: "Int64" for name in PART_METRICS if name in table}
            text = table.astype(counts).to_csv(index=False)
            temporary.write_text(head + text, encoding="utf-8")
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


def _read_cell(path: Path) -> pd.DataFrame | None:
    """Return a finished cell, or nothing where it is missing or damaged."""
    try:
        cell = pd.read_csv(path)
    except (OSError, ValueError):
        return None
    whole = "method" in cell and {REAL_ONLY, REAL_VS_REAL} < set(cell["method"])
    return cell if whole and cell["method"].value_counts().nunique() == 1 else None


def _wide(table: pd.DataFrame, tested: int) -> pd.DataFrame:
    """One row per method and draw, one column per measure, rounded to what a reader can use."""
    wide = table.pivot(index=["method", "draw"], columns="metric", values="value")
    measures = [name for name in SUMMARY if not name.startswith("gain")]
    percent = ("accuracy", "tstr", "trts")
    wide = wide.reindex(columns=[*measures, *PART_METRICS])
    wide = wide.round({m: 2 if m in percent else 3 for m in measures})
    counts = wide[list(PART_METRICS)] * tested / (100 * PARTS)
    wide[list(PART_METRICS)] = counts.round()
    return wide.reset_index().rename_axis(columns=None)


def _cell_path(arrays: Iterable[Any], settings: tuple[Any, ...]) -> Path:
    modules = ["data.splits", "measure.evaluation", "measure.metrics", "models.baselines"]
    modules += ["models.classifier", "models.gan", "models.losses", "models.stacked"]
    modules += ["study.recipe"]
    name = settings[2]
    own = []
    if name in OTHERS:
        method = OTHERS[name]
        modules += method.modules
        own = [method.settings]
    code = [code_key(*modules), inspect.getsource(fit_method), inspect.getsource(_wide), *own]
    key = content_key(json.dumps(settings), *arrays, *code, describe_computer())
    return cache_dir() / "ladder" / f"{key}.csv"
