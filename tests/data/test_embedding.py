from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gensim.models import KeyedVectors, Word2Vec
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from embgan_edu.base.errors import ConfigError, DataError
from embgan_edu.data import embedding as module
from embgan_edu.data.corpora import CORPORA, Corpus, load_corpus
from embgan_edu.data.embedding import EmbeddedCorpus, EmbeddingReport, MeanEmbedder, embed
from embgan_edu.data.vectors import load_word_vectors, train_word_vectors

WORDS: dict[str, list[float]] = {
    "do": [1, 0, 0],
    "n't": [0, 4, 0],
    "like": [2, 2, 0],
    "good": [0, 0, 3],
}
TEXTS = ("I don't like it", "Good!", "?!", "zzz")


def make_vectors(words: dict[str, list[float]] = WORDS) -> KeyedVectors:
    vectors = KeyedVectors(3)
    vectors.add_vectors(list(words), np.array(list(words.values()), dtype=np.float32))
    return vectors


def make_corpus(texts: tuple[str, ...] = TEXTS) -> Corpus:
    return Corpus("toy", texts, np.arange(len(texts)) % 2, ("neg", "pos"))


def forbid(*_: object) -> None:
    raise AssertionError("this should not have been needed")


def test_embedding_is_the_mean_of_the_known_words() -> None:
    embedder = MeanEmbedder(make_vectors())
    X = embedder.fit_transform(TEXTS)
    assert X.dtype == np.float32
    np.testing.assert_allclose(X, [[1, 2, 0], [0, 0, 3], [0, 0, 0], [0, 0, 0]])
    assert embedder.report_ == EmbeddingReport(
        n_texts=4, n_unknown_texts=2, n_tokens=7, n_unknown_tokens=3
    )


def test_a_word_counts_as_often_as_it_occurs() -> None:
    X = MeanEmbedder(make_vectors()).fit_transform(["good good do"])
    np.testing.assert_allclose(X, [[1 / 3, 0, 2]])


def test_gensim_agrees() -> None:
    vectors = make_vectors()
    expected = vectors.get_mean_vector(["do", "n't", "like"], pre_normalize=False)
    np.testing.assert_allclose(MeanEmbedder(vectors).fit_transform(TEXTS)[0], expected)


@given(st.lists(st.lists(st.sampled_from([*WORDS, "zzz"]), max_size=5), max_size=5))
def test_embedding_ignores_word_order_and_neighbor_texts(texts: list[list[str]]) -> None:
    embedder = MeanEmbedder(make_vectors()).fit([])
    X = embedder.transform([" ".join(words) for words in texts])
    assert X.shape == (len(texts), 3)
    for row, words in zip(X, texts, strict=True):
        alone = embedder.transform([" ".join(reversed(words))])[0]
        np.testing.assert_allclose(row, alone, rtol=1e-6)


def test_no_text_is_no_row() -> None:
    assert MeanEmbedder(make_vectors()).fit_transform([]).shape == (0, 3)


def test_fasttext_has_a_vector_for_every_word() -> None:
    vectors = train_word_vectors(["a good plot", "a bad plot"] * 3, "fasttext", dim=3, epochs=1)
    embedder = MeanEmbedder(vectors)
    assert np.abs(embedder.fit_transform(["plots"])).max() > 0
    assert embedder.report_.n_unknown_tokens == 0


def test_embedder_is_a_scikit_learn_transformer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "load_word_vectors", lambda name: make_vectors())
    embedder = MeanEmbedder("some-name")
    assert clone(embedder).get_params() == {"vectors": "some-name"}
    with pytest.raises(NotFittedError):
        embedder.transform(["good"])
    model = make_pipeline(embedder, LogisticRegression())
    assert model.fit(["good", "good", "do", "do"], [1, 1, 0, 0]).score(["good", "do"], [1, 0]) == 1


def test_embedder_refuses_what_is_not_texts_or_vectors() -> None:
    embedder = MeanEmbedder(make_vectors()).fit([])
    with pytest.raises(DataError, match="'good film'; put it in a list"):
        embedder.transform("good film")
    with pytest.raises(DataError, match="Text 1 is None"):
        embedder.transform(["good", None])  # type: ignore[list-item]
    model = Word2Vec([["a", "a"]], vector_size=2, min_count=1)
    with pytest.raises(ConfigError, match=r"type Word2Vec; .* its attribute .wv"):
        MeanEmbedder(model).fit([])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"X": np.ones(3)}, r"X of shape \(3,\) and y of shape \(3,\)"),
        ({"X": np.ones((2, 2))}, r"X of shape \(2, 2\) and y of shape \(3,\)"),
        ({"X": np.ones((0, 2)), "y": np.ones(0, dtype=int)}, r"X of shape \(0, 2\)"),
        ({"y": np.array([0, 1, 2])}, "go from 0 to 2; expected integers from 0 to 1"),
        ({"y": np.array([0.0, 1, 1])}, "type float64"),
        (
            {"X": np.array([[1, 2], [3, np.nan], [np.inf, 0]])},
            "2 values that are not finite, the first is nan in row 1, dimension 1",
        ),
    ],
)
def test_embedded_corpus_refuses_what_cannot_be_used(changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {
        "name": "toy",
        "X": np.ones((3, 2)),
        "y": np.array([0, 1, 1], dtype=np.int32),
        "label_names": ("neg", "pos"),
        "n_unknown": 0,
    }
    good = EmbeddedCorpus(**arguments)
    assert (good.X.dtype, good.y.dtype) == (np.float32, np.int64)
    with pytest.raises(DataError, match=message):
        EmbeddedCorpus(**(arguments | changes))


@pytest.fixture
def files(cache: Path) -> Callable[[], list[Path]]:
    return lambda: sorted((cache / "embeddings").glob("*"))


def test_embed_computes_once(
    files: Callable[[], list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = embed(make_corpus(), make_vectors())
    assert first.name == "toy" and first.label_names == ("neg", "pos")
    assert first.y.tolist() == [0, 1, 0, 1] and first.n_unknown == 2
    assert len(files()) == 1
    monkeypatch.setattr(module, "MeanEmbedder", forbid)
    again = embed(make_corpus(), make_vectors())
    np.testing.assert_array_equal(first.X, again.X)
    assert again.n_unknown == 2


def test_the_cache_key_follows_texts_vectors_and_tokenizer(
    files: Callable[[], list[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    embed(make_corpus(), make_vectors())
    changed_text = embed(make_corpus((*TEXTS[:-1], "like")), make_vectors())
    assert changed_text.X[-1].tolist() == [2, 2, 0]
    changed_vectors = embed(make_corpus(), make_vectors(WORDS | {"good": [0, 0, 5]}))
    assert changed_vectors.X[1].tolist() == [0, 0, 5]
    monkeypatch.setattr(module, "tokenize", str.split)
    changed_tokenizer = embed(make_corpus(), make_vectors())
    assert changed_tokenizer.X[1].tolist() == [0, 0, 0]
    assert len(files()) == 4


def test_labels_are_not_part_of_what_is_cached(files: Callable[[], list[Path]]) -> None:
    embed(make_corpus(), make_vectors())
    relabeled = Corpus("other", TEXTS, np.array([2, 1, 0, 0]), ("a", "b", "c"))
    embedded = embed(relabeled, make_vectors())
    assert embedded.name == "other" and embedded.y.tolist() == [2, 1, 0, 0]
    assert len(files()) == 1


def test_no_damage_to_a_cached_file_changes_the_result_or_stops_it(
    files: Callable[[], list[Path]],
) -> None:
    corpus, vectors = make_corpus(), make_vectors()
    expected = embed(corpus, vectors)
    (path,) = files()
    content = path.read_bytes()
    step = 7  # every seventh byte: all parts of the file, in a second
    damaged = [
        content[:i] + bytes([content[i] ^ 6]) + content[i + 1 :]
        for i in range(0, len(content), step)
    ]
    for change in [*damaged, content[:-20], content[: len(content) // 2], b"", b"no numbers"]:
        path.write_bytes(change)
        found = embed(corpus, vectors)
        np.testing.assert_array_equal(found.X, expected.X)
        assert found.n_unknown == expected.n_unknown


def test_a_cached_file_with_other_numbers_is_not_trusted(files: Callable[[], list[Path]]) -> None:
    expected = embed(make_corpus(), make_vectors())
    (path,) = files()
    with np.load(path) as stored:
        parts = dict(stored)
    np.savez(path, **(parts | {"X": parts["X"] + 1}))
    np.testing.assert_array_equal(embed(make_corpus(), make_vectors()).X, expected.X)
    np.savez(path, **(parts | {"n_unknown": 3}))
    assert embed(make_corpus(), make_vectors()).n_unknown == 2


def test_a_vector_that_is_not_finite_is_refused_and_not_cached(
    files: Callable[[], list[Path]],
) -> None:
    vectors = make_vectors(WORDS | {"good": [0, np.inf, 0]})
    for _ in range(2):
        with pytest.raises(DataError, match="inf in row 1, dimension 1"):
            embed(make_corpus(), vectors)
    assert files() == []


def test_embed_by_names(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "load_corpus", lambda name: make_corpus())
    monkeypatch.setattr(module, "load_word_vectors", lambda name: make_vectors())
    assert embed("toy", "tiny").X[1].tolist() == [0, 0, 3]


@pytest.mark.data
def test_real_embeddings_are_found_again_without_the_vectors(
    real_data: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = {name: embed(name) for name in CORPORA}
    assert {name: len(corpus) for name, corpus in first.items()} == {
        "tweets": 3362,
        "movie": 10043,
        "product": 2943,
        "editorial": 2788,
    }
    assert {name: corpus.n_unknown for name, corpus in first.items()} == {
        "tweets": 1,
        "movie": 0,
        "product": 2,
        "editorial": 1,
    }
    monkeypatch.setattr(module, "load_word_vectors", forbid)
    for name, corpus in first.items():
        np.testing.assert_array_equal(embed(name).X, corpus.X)


@pytest.mark.data
def test_real_vectors_by_name_and_by_value_share_a_cached_result(
    real_data: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed("product")
    vectors = load_word_vectors()
    monkeypatch.setattr(module, "MeanEmbedder", forbid)
    assert embed("product", vectors).X.shape == (2943, 50)


@pytest.mark.data
def test_real_texts_have_few_unknown_words_and_speak_of_sentiment(real_data: None) -> None:
    corpus = load_corpus("product")
    embedder = MeanEmbedder()
    X = embedder.fit_transform(corpus.texts)
    assert embedder.report_.n_unknown_tokens < 0.01 * embedder.report_.n_tokens
    accuracy = cross_val_score(LogisticRegression(max_iter=500), X, corpus.labels, cv=5).mean()
    assert accuracy > 0.67  # the larger class alone: 0.586


def test_an_embedded_corpus_keeps_its_texts_and_refuses_another_number() -> None:
    vectors = KeyedVectors(2)
    vectors.add_vectors(["good", "bad"], np.eye(2, dtype=np.float32))
    corpus = Corpus("toy", ("good film", "bad film"), np.array([1, 0]), ("neg", "pos"))
    assert embed(corpus, vectors).texts == corpus.texts
    with pytest.raises(DataError, match="2 rows and 1 texts; expected one text for each row"):
        EmbeddedCorpus("toy", np.eye(2), np.array([0, 1]), ("neg", "pos"), 0, ("only one",))
