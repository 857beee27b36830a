"""Labeled texts: four real corpora that the book uses, and the reader's own files."""

import csv
import html
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int

from embgan_edu.base.cache import cache_dir
from embgan_edu.base.errors import ConfigError, DataError
from embgan_edu.data.download import VADER, extract, fetch

# Where each corpus lies in the archive of Hutto & Gilbert (2014).
_FILES = {
    "tweets": "tweets_GroundTruth.txt",
    "movie": "movieReviewSnippets_GroundTruth.txt",
    "product": "amazonReviewSnippets_GroundTruth.txt",
    "editorial": "nytEditorialSnippets_GroundTruth.txt",
}
CORPORA = tuple(_FILES)


@dataclass(frozen=True, eq=False)
class Corpus:
    """Texts with a class label each.

    Attributes:
        name: short name, for tables and figures.
        texts: the n texts.
        labels: for each text, the index of its class in ``label_names``; shape (n,), int64.
        label_names: names of the two or more classes; each has at least one text.

    Raises:
        DataError: no text, a text that is not a string, lengths that differ, a label outside
            ``label_names``, a name given twice, or fewer than two classes with texts.

    Example:
        >>> corpus = Corpus("toy", ("good film", "bad film"), np.array([1, 0]), ("neg", "pos"))
        >>> len(corpus), corpus.counts()
        (2, {'neg': 1, 'pos': 1})
    """

    name: str
    texts: tuple[str, ...]
    labels: Int[np.ndarray, " n"]
    label_names: tuple[str, ...]

    def __post_init__(self) -> None:
        texts = tuple(check_texts(self.texts))
        labels = np.asarray(self.labels)
        if not texts:
            raise DataError(f"The corpus {self.name!r} has no text; give at least one per class.")
        if labels.shape != (len(texts),) or labels.dtype.kind not in "iu":
            raise DataError(
                f"The corpus {self.name!r} has {len(texts)} texts, but labels of shape "
                f"{labels.shape} and type {labels.dtype}; give one integer per text."
            )
        names = tuple(str(name) for name in self.label_names)
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise DataError(
                f"label_names of the corpus {self.name!r} holds {twice!r} more than once; "
                "give each class a name of its own."
            )
        n_classes = len(names)
        bad = np.flatnonzero((labels < 0) | (labels >= n_classes))
        if bad.size:
            raise DataError(
                f"The label of text {bad[0]} of the corpus {self.name!r} is {labels[bad[0]]}; "
                f"expected 0 to {n_classes - 1}, an index into label_names."
            )
        counts = np.bincount(labels, minlength=n_classes)
        present = [name for name, count in zip(names, counts, strict=True) if count]
        if len(present) < 2:
            raise DataError(
                f"Every text of the corpus {self.name!r} has the same label, {present[0]!r}; "
                "a classifier needs texts of two classes or more."
            )
        if len(present) < n_classes:
            absent = next(name for name in names if name not in present)
            raise DataError(
                f"No text of the corpus {self.name!r} has the label {absent!r}; "
                "remove it from label_names."
            )
        object.__setattr__(self, "texts", texts)
        object.__setattr__(self, "labels", labels.astype(np.int64))
        object.__setattr__(self, "label_names", names)

    def __len__(self) -> int:
        return len(self.texts)

    def counts(self) -> dict[str, int]:
        """Return the number of texts of each class, by its name."""
        counts = np.bincount(self.labels, minlength=len(self.label_names))
        return dict(zip(self.label_names, counts.tolist(), strict=True))


def check_texts(texts: Iterable[str]) -> list[str]:
    """Return the texts as a list.

    Raises:
        DataError: one string in place of several, or an element that is not a string.

    Example:
        >>> check_texts(("good", "bad"))
        ['good', 'bad']
    """
    if isinstance(texts, (str, bytes)):
        raise DataError(
            f"Expected several texts, got the one text {texts!r:.60}; put it in a list."
        )
    texts = list(texts)
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(
                f"Text {index} is {text!r:.60} of type {type(text).__name__}; every text must be "
                "a string. Remove it or convert it with str()."
            )
    return texts


def load_corpus(name: str) -> Corpus:
    """Load one of the four corpora; the first time, the archive is fetched (2.5 MB).

    Twenty people rated each text from -4 to 4. A mean above 0.5 is labeled positive, below -0.5
    negative, and the texts between are dropped. Source: Hutto and Gilbert, "VADER: a parsimonious
    rule-based model for sentiment analysis of social media text", ICWSM 2014 (MIT license).

    Args:
        name: ``"tweets"``, ``"movie"``, ``"product"`` or ``"editorial"``; the last three are
            single sentences of movie reviews, product reviews and newspaper editorials.

    Raises:
        ConfigError: there is no corpus of this name.
        DownloadError: the archive is not in the cache and cannot be fetched.

    Example:
        >>> load_corpus("product").counts()  # doctest: +SKIP
        {'negative': 1218, 'positive': 1725}
    """
    if name not in _FILES:
        raise ConfigError(
            f"There is no corpus {name!r}; choose one of {', '.join(CORPORA)}, "
            "or read your own texts with read_corpus(path)."
        )
    archive = fetch(VADER)
    with TemporaryDirectory(dir=cache_dir(), prefix=".corpus-") as folder:
        inner = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
        (resources,) = extract(archive, [inner], Path(folder))
        (path,) = extract(resources, [f"hutto_ICWSM_2014/{_FILES[name]}"], Path(folder))
        content = path.read_bytes()
    texts, ratings = _parse_ratings(content)
    kept = [
        (text, rating) for text, rating in zip(texts, ratings, strict=True) if abs(rating) > 0.5
    ]
    return Corpus(
        name=name,
        texts=tuple(text for text, _ in kept),
        labels=np.array([rating > 0.5 for _, rating in kept], dtype=np.int64),
        label_names=("negative", "positive"),
    )


def _parse_ratings(content: bytes) -> tuple[list[str], list[float]]:
    """Read lines of id, mean rating and text, with tabs between them."""
    texts, ratings = [], []
    for line in content.decode("utf-8").splitlines():
        _, rating, text = line.split("\t")
        # Some entities were escaped twice ("&amp;amp;"), so one pass would leave "&amp;".
        texts.append(html.unescape(html.unescape(text)).strip())
        ratings.append(float(rating))
    return texts, ratings


def load_lexicon() -> dict[str, float]:
    """Load the words that people rated for VADER, each with its mean rating from -4 to 4.

    Ten people rated each word (Hutto and Gilbert, 2014, section 3.1). Only entries that are plain
    words are kept: the file also has emoticons and abbreviations. The raters are not those of
    the corpora, but the authors are the same.

    Raises:
        DownloadError: the archive is not in the cache and cannot be fetched.

    Example:
        >>> lexicon = load_lexicon()  # doctest: +SKIP
        >>> lexicon["good"] > 0 > lexicon["bad"]  # doctest: +SKIP
        True
    """
    archive = fetch(VADER)
    with TemporaryDirectory(dir=cache_dir(), prefix=".lexicon-") as folder:
        inner = "vaderSentiment-3.3.2/vaderSentiment/vader_lexicon.txt"
        (path,) = extract(archive, [inner], Path(folder))
        lines = path.read_text(encoding="utf-8").splitlines()
    entries = (line.split("\t") for line in lines)
    return {word: float(rating) for word, rating, *_ in entries if word.isalpha()}


def read_corpus(
    path: str | Path, text: str = "text", label: str = "label", encoding: str = "utf-8"
) -> Corpus:
    """Read labeled texts from a CSV (commas, a header line) or Parquet file.

    Labels may be words or integers; integers become strings, sorted by value. The texts are
    taken as they are.

    Args:
        path: a file that ends in ``.csv`` or ``.parquet``.
        text: name of the column with the texts.
        label: name of the column with the labels; two or more different ones.
        encoding: encoding of a CSV file; a byte order mark of UTF-8 is understood.

    Raises:
        DataError: no such file or column, another file type, a damaged file, bytes that are not
            in ``encoding``, rows without text or label, or fewer than two labels.

    Example:
        >>> from tempfile import mkdtemp
        >>> path = Path(mkdtemp()) / "toy.csv"
        >>> _ = path.write_text("text,label\\ngood film,1\\nbad film,0\\n")
        >>> read_corpus(path).counts()
        {'0': 1, '1': 1}
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(
            f"There is no file {path}. Check the path; the current folder is {Path.cwd()}."
        )
    if path.suffix.lower() == ".csv":
        texts, labels = _read_csv(path, (text, label), encoding)
    elif path.suffix.lower() == ".parquet":
        texts, labels = _read_parquet(path, (text, label))
    else:
        raise DataError(
            f"{path.name} ends in {path.suffix!r}; expected .csv or .parquet. "
            "Convert it, for example with pandas: frame.to_csv('texts.csv', index=False)."
        )
    if not texts:
        raise DataError(f"{path.name} has no rows; give at least one text per class.")
    for column, values in ((text, texts), (label, labels)):
        missing = [row for row, value in enumerate(values, start=1) if _is_missing(value)]
        if missing:
            raise DataError(
                f"{len(missing)} of {len(values)} rows of {path.name} have nothing in the column "
                f"{column!r}, the first is data row {missing[0]}. Fill or remove these rows."
            )
    labels = [_label_name(value) for value in labels]
    names = sorted(set(labels), key=_label_order)
    index = {name: i for i, name in enumerate(names)}
    return Corpus(
        name=path.stem,
        texts=tuple(texts),
        labels=np.array([index[name] for name in labels], dtype=np.int64),
        label_names=tuple(names),
    )


def _read_csv(path: Path, wanted: tuple[str, str], encoding: str) -> tuple[list[Any], list[Any]]:
    """Return two columns. (pandas would guess: "NA" missing, a surplus field an index.)"""
    if encoding.lower().replace("-", "").replace("_", "") == "utf8":
        encoding = "utf-8-sig"  # the same, and a byte order mark is not taken for text
    try:
        with path.open(encoding=encoding, newline="") as file:
            rows = csv.reader(file, strict=True)
            header = next(rows, [])
            positions = _find_columns(path, wanted, header)
            columns: tuple[list[Any], list[Any]] = ([], [])
            for row in rows:
                if row and len(row) != len(header):
                    raise DataError(
                        f"{path.name} has {len(row)} fields up to line {rows.line_num}, but "
                        f"{len(header)} in its header. Put texts that hold commas or line breaks "
                        'in "double quotes".'
                    )
                if row:
                    for values, position in zip(columns, positions, strict=True):
                        values.append(row[position])
            return columns
    except (UnicodeError, LookupError) as error:
        raise DataError(
            f"{path.name} is not in the encoding {encoding!r} ({error}). Name the right one, "
            "for example read_corpus(path, encoding='cp1252'), or save the file as UTF-8."
        ) from error
    except csv.Error as error:
        raise DataError(
            f"{path.name} is not a CSV file with commas: {error}, at line {rows.line_num}. "
            'Put texts in "double quotes", and write a quote inside as two: "".'
        ) from error


def _read_parquet(path: Path, wanted: tuple[str, str]) -> tuple[list[Any], list[Any]]:
    try:
        _find_columns(path, wanted, pq.read_schema(path).names)
        table = pq.read_table(path, columns=list(wanted))
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{path.name} is not a Parquet file, or is damaged ({error}). Write it again."
        ) from error
    return table[wanted[0]].to_pylist(), table[wanted[1]].to_pylist()


def _find_columns(path: Path, wanted: tuple[str, str], columns: list[str]) -> list[int]:
    for name in wanted:
        if name not in columns:
            listing = ", ".join(repr(column) for column in columns) or "none"
            raise DataError(
                f"{path.name} has no column {name!r}; its columns are: {listing}. "
                "Name yours: read_corpus(path, text=..., label=...)."
            )
    return [columns.index(name) for name in wanted]


def _is_missing(value: Any) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and math.isnan(value))


def _label_name(value: Any) -> str:
    # pandas writes a column of integers that once had a gap as floats: 1.0 is the label 1.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def _label_order(name: str) -> tuple[bool, int, str]:
    """Integers by value, so that "10" comes after "2"; then words by letter."""
    try:
        return (False, int(name), name)
    except ValueError:
        return (True, 0, name)
