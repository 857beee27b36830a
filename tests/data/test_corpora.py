from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from embgan_edu.base.errors import ConfigError, DataError
from embgan_edu.data.corpora import (
    CORPORA,
    Corpus,
    _parse_ratings,
    check_texts,
    load_corpus,
    load_lexicon,
    read_corpus,
)

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file and return its path."""

    def write(content: str | bytes, name: str = "texts.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def make(**changes: Any) -> Corpus:
    arguments = {
        "name": "toy",
        "texts": ("a", "b", "c"),
        "labels": np.array([1, 0, 1]),
        "label_names": ("neg", "pos"),
    }
    return Corpus(**(arguments | changes))


def test_corpus_counts_its_classes() -> None:
    corpus = make(labels=np.array([1, 0, 1], dtype=np.uint8))
    assert len(corpus) == 3
    assert corpus.counts() == {"neg": 1, "pos": 2}
    assert corpus.labels.dtype == np.int64


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"texts": (), "labels": np.array([], dtype=int)}, "'toy' has no text; give"),
        ({"labels": np.array([1, 0])}, r"3 texts, but labels of shape \(2,\)"),
        ({"labels": np.array([1.0, 0.0, 1.0])}, "float64; give one integer per text"),
        ({"labels": np.array([1, 0, 2])}, "label of text 2 .* is 2; expected 0 to 1"),
        ({"labels": np.array([1, -1, 0])}, "label of text 1 .* is -1; expected 0 to 1"),
        ({"labels": np.array([1, 1, 1])}, "the same label, 'pos'; a classifier needs"),
        ({"label_names": ("neg", "pos", "odd")}, "has the label 'odd'; remove it"),
        ({"label_names": ("pos", "pos")}, "holds 'pos' more than once; give each class"),
        ({"texts": ("a", None, "c")}, "Text 1 is None of type NoneType"),
        ({"texts": "abc"}, "got the one text 'abc'; put it in a list"),
    ],
)
def test_corpus_refuses_what_cannot_be_used(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        make(**changes)


def test_check_texts_takes_a_generator() -> None:
    assert check_texts(word for word in ("a", "b")) == ["a", "b"]


def test_an_unknown_corpus_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'movies'; choose one of tweets, movie, product"):
        load_corpus("movies")


def test_rated_lines_lose_their_entities_even_those_escaped_twice() -> None:
    content = "1\t-0.5\t I &lt;3 clichés &amp;amp; A &amp;#38; B \r\n2_1\t2\tsecond\r\n"
    texts, ratings = _parse_ratings(content.encode())
    assert texts == ["I <3 clichés & A & B", "second"]
    assert ratings == [-0.5, 2.0]


def test_read_csv(write: Write) -> None:
    path = write('id,review,stars\n1,"Good, ""really""\nand truly",pos\n2,NA,neg\n\n3,null,pos\n')
    corpus = read_corpus(path, text="review", label="stars")
    assert corpus.name == "texts"
    assert corpus.texts == ('Good, "really"\nand truly', "NA", "null")
    assert corpus.label_names == ("neg", "pos")
    assert corpus.labels.tolist() == [1, 0, 1]


def test_integer_labels_are_sorted_by_value(write: Write) -> None:
    corpus = read_corpus(write("text,label\na,10\nb,2\nc,-1\nd,2\n"))
    assert corpus.label_names == ("-1", "2", "10")
    assert corpus.labels.tolist() == [2, 1, 0, 1]


@pytest.mark.parametrize("encoding", ["utf-8", "UTF_8", "utf8"])
def test_a_byte_order_mark_is_not_part_of_the_first_column(write: Write, encoding: str) -> None:
    path = write("text,label\ncafé,a\nthé,b\n".encode("utf-8-sig"))
    assert read_corpus(path, encoding=encoding).texts == ("café", "thé")


def test_another_encoding_is_refused_until_it_is_named(write: Write) -> None:
    path = write("text,label\ncafé,a\nthé,b\n".encode("latin-1"))
    with pytest.raises(
        DataError, match=r"not in the encoding 'utf-8-sig' .*0xe9.*encoding='cp1252'"
    ):
        read_corpus(path)
    assert read_corpus(path, encoding="latin-1").texts == ("café", "thé")


def test_an_unknown_encoding_is_named(write: Write) -> None:
    with pytest.raises(DataError, match="'utf-9'"):
        read_corpus(write("text,label\na,b\nc,d\n"), encoding="utf-9")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no column 'text'; its columns are: none"),
        ("review,label\na,b\n", "no column 'text'; its columns are: 'review', 'label'"),
        ("text;label\na;b\n", "its columns are: 'text;label'"),
        ("text,label\n", "has no rows; give at least one text per class"),
        ("text,label\na,1\nb,1\n", "the same label, '1'"),
        ("text,label\na,1\n  ,0\n,0\n", "2 of 3 rows .* column 'text', the first is data row 2"),
        ("text,label\na,1\nb,0\nc,\n", "1 of 3 rows .* column 'label', the first is data row 3"),
        ("text,label\na,1\nb, really,0\n", r"has 3 fields up to line 3, but 2 in its header"),
        ("text,label\na,1\nb\n", r"has 1 fields up to line 3, but 2"),
        ('text,label\na,1\n"b,0\n', r"unexpected end of data, at line 3.*double quotes"),
    ],
)
def test_an_unusable_csv_is_refused_with_the_reason(
    write: Write, content: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_corpus(write(content))


def test_read_parquet(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": ["a", "b", "c"], "label": [2, 10, 2], "other": [0.5, 1, 2]})
    frame.to_parquet(tmp_path / "texts.parquet")
    corpus = read_corpus(tmp_path / "texts.parquet")
    assert corpus.texts == ("a", "b", "c")
    assert corpus.label_names == ("2", "10")
    assert corpus.labels.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([1.0, 0.0], ("0", "1")),
        ([True, False], ("False", "True")),
        (pd.Categorical(["pos", "neg"]), ("neg", "pos")),
    ],
)
def test_parquet_labels_of_other_types_become_names(
    tmp_path: Path, labels: Any, names: tuple[str, ...]
) -> None:
    pd.DataFrame({"text": ["a", "b"], "label": labels}).to_parquet(tmp_path / "texts.parquet")
    corpus = read_corpus(tmp_path / "texts.parquet")
    assert corpus.label_names == names
    assert corpus.labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"review": ["a"], "label": ["b"]}, "no column 'text'; its columns are: 'review', 'label'"),
        ({"text": ["a", None], "label": ["b", "c"]}, "1 of 2 rows .* data row 2"),
        ({"text": ["a", "b"], "label": [np.nan, 1.0]}, "1 of 2 rows .*'label', .* data row 1"),
        ({"text": [1, 2], "label": ["b", "c"]}, "Text 0 is 1 of type int"),
        ({"text": [["a"], ["b"]], "label": ["b", "c"]}, r"Text 0 is \['a'\] of type list"),
    ],
)
def test_an_unusable_parquet_is_refused_with_the_reason(
    tmp_path: Path, columns: dict[str, list[Any]], message: str
) -> None:
    pd.DataFrame(columns).to_parquet(tmp_path / "texts.parquet")
    with pytest.raises(DataError, match=message):
        read_corpus(tmp_path / "texts.parquet")


def test_a_damaged_parquet_is_refused(write: Write) -> None:
    with pytest.raises(DataError, match="not a Parquet file, or is damaged"):
        read_corpus(write("text,label\n", "texts.parquet"))


def test_other_files_are_refused(write: Write, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"ends in '.xlsx'; expected .csv or .parquet"):
        read_corpus(write("", "texts.xlsx"))
    with pytest.raises(DataError, match=r"There is no file .*absent.csv"):
        read_corpus(tmp_path / "absent.csv")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "negative", "positive"),
    [
        ("tweets", 1062, 2300),
        ("movie", 5061, 4982),
        ("product", 1218, 1725),
        ("editorial", 1688, 1100),
    ],
)
def test_real_corpora_are_whole(real_data: None, name: str, negative: int, positive: int) -> None:
    corpus = load_corpus(name)
    assert corpus.counts() == {"negative": negative, "positive": positive}
    assert all(text.strip() == text != "" for text in corpus.texts)
    joined = "\n".join(corpus.texts)
    assert "&amp;" not in joined and "&#38;" not in joined and "\r" not in joined
    assert "Ã" not in joined  # what UTF-8 looks like when read as Latin-1


@pytest.mark.data
def test_the_lexicon_has_words_alone_and_both_polarities(real_data: None) -> None:
    lexicon = load_lexicon()
    assert len(lexicon) > 7000
    assert all(word.isalpha() and -4 <= rating <= 4 for word, rating in lexicon.items())
    assert lexicon["good"] > 1 and lexicon["bad"] < -1


@pytest.mark.data
def test_real_labels_agree_with_the_texts(real_data: None) -> None:
    corpus = load_corpus("movie")
    positive = [text for text, y in zip(corpus.texts, corpus.labels, strict=True) if y == 1]
    share = {
        word: sum(word in text for text in positive) / sum(word in text for text in corpus.texts)
        for word in ("wonderful", "dull")
    }
    assert share["wonderful"] > 0.7 and share["dull"] < 0.2
    assert CORPORA == ("tweets", "movie", "product", "editorial")
