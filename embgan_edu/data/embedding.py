"""Sentence embeddings: the mean of the word vectors of a text, cached by content."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gensim.models import KeyedVectors
from jaxtyping import Float, Int
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from embgan_edu.base.cache import atomic_path, cache_dir, content_key
from embgan_edu.base.errors import ConfigError, DataError
from embgan_edu.data.corpora import Corpus, check_texts, load_corpus
from embgan_edu.data.vectors import (
    DEFAULT_VECTORS,
    DEFAULT_VECTORS_KEY,
    load_word_vectors,
    tokenize,
    vectors_key,
)


@dataclass(frozen=True)
class EmbeddingReport:
    """What a ``MeanEmbedder`` met in the texts that it transformed last.

    Example:
        >>> print(EmbeddingReport(n_texts=2, n_unknown_texts=1, n_tokens=10, n_unknown_tokens=3))
        2 texts, 1 without a known word; 10 tokens, 3 unknown (30.00 %)
    """

    n_texts: int
    n_unknown_texts: int
    n_tokens: int
    n_unknown_tokens: int

    def __str__(self) -> str:
        share = 100 * self.n_unknown_tokens / max(1, self.n_tokens)
        return (
            f"{self.n_texts:,} texts, {self.n_unknown_texts:,} without a known word; "
            f"{self.n_tokens:,} tokens, {self.n_unknown_tokens:,} unknown ({share:.2f} %)"
        )


class MeanEmbedder(TransformerMixin, BaseEstimator):
    """Turn each text into the mean of its words' vectors, with scikit-learn's fit and transform.

    Words without a vector are left out of the mean. A text without any known word becomes the
    zero vector; ``report_`` counts such texts.

    Args:
        vectors: word vectors, or a name for ``load_word_vectors``.

    Attributes:
        vectors_: the word vectors in use, after ``fit``.
        report_: an ``EmbeddingReport`` on the last ``transform``.

    Example:
        >>> vectors = KeyedVectors(2)
        >>> vectors.add_vectors(["good", "film"], np.array([[1, 0], [0, 1]], dtype=np.float32))
        >>> embedder = MeanEmbedder(vectors)
        >>> embedder.fit_transform(["Good film!", "???"])
        array([[0.5, 0.5],
               [0. , 0. ]], dtype=float32)
        >>> embedder.report_.n_unknown_texts
        1
    """

    def __init__(self, vectors: KeyedVectors | str = DEFAULT_VECTORS) -> None:
        self.vectors = vectors

    def fit(self, texts: Iterable[str], y: object = None) -> "MeanEmbedder":
        """Get the word vectors ready. Nothing is learned from ``texts``; ``y`` is ignored.

        Raises:
            ConfigError: ``vectors`` is neither word vectors nor a known name.
        """
        self.vectors_ = _as_vectors(self.vectors)
        return self

    def transform(self, texts: Iterable[str]) -> Float[np.ndarray, "n dim"]:
        """Return one float32 vector per text.

        Raises:
            DataError: one string in place of several, or an element that is not a string.
            NotFittedError: ``fit`` was not called.
        """
        check_is_fitted(self, "vectors_")
        tokens = [tokenize(text) for text in check_texts(texts)]
        # Each different word is looked up once. FastText knows every word, by its parts.
        known = [word for word in {w: None for ws in tokens for w in ws} if word in self.vectors_]
        rows = {word: row for row, word in enumerate(known)}
        table = np.array([self.vectors_[word] for word in known], dtype=np.float32)
        X = np.zeros((len(tokens), self.vectors_.vector_size), dtype=np.float32)
        n_known = 0
        n_unknown_texts = 0
        for i, words in enumerate(tokens):
            found = [rows[word] for word in words if word in rows]
            n_known += len(found)
            if found:
                X[i] = table[found].mean(axis=0)
            else:
                n_unknown_texts += 1
        n_tokens = sum(map(len, tokens))
        self.report_ = EmbeddingReport(len(tokens), n_unknown_texts, n_tokens, n_tokens - n_known)
        return X


@dataclass(frozen=True, eq=False)
class EmbeddedCorpus:
    """A corpus as points: one vector and one class per text.

    Attributes:
        name: name of the corpus.
        X: the embeddings; shape (n, dim), float32, finite.
        y: for each row, the index of its class in ``label_names``; shape (n,), int64.
        label_names: names of the classes.
        n_unknown: number of texts without a known word; their rows are zero.
        texts: the texts themselves, one per row; empty where they are not known.

    Raises:
        DataError: wrong shapes, lengths that differ, or a value that is not finite.

    Example:
        >>> corpus = EmbeddedCorpus("toy", np.eye(2), np.array([0, 1]), ("neg", "pos"), 0)
        >>> corpus.X.dtype, len(corpus)
        (dtype('float32'), 2)
    """

    name: str
    X: Float[np.ndarray, "n dim"]
    y: Int[np.ndarray, " n"]
    label_names: tuple[str, ...]
    n_unknown: int
    texts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        X, y = np.asarray(self.X), np.asarray(self.y)
        if X.ndim != 2 or 0 in X.shape or y.shape != (len(X),):
            raise DataError(
                f"The embedding of {self.name!r} has X of shape {X.shape} and y of shape "
                f"{y.shape}; expected (n, dim) and (n,), n and dim at least 1."
            )
        if y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= len(self.label_names):
            raise DataError(
                f"The labels y of {self.name!r} are of type {y.dtype} and go from {y.min()} to "
                f"{y.max()}; expected integers from 0 to {len(self.label_names) - 1}."
            )
        if self.texts and len(self.texts) != len(X):
            raise DataError(
                f"The embedding of {self.name!r} has {len(X)} rows and {len(self.texts)} texts; "
                "expected one text for each row, or none at all."
            )
        bad = np.argwhere(~np.isfinite(X))
        if bad.size:
            row, column = bad[0]
            raise DataError(
                f"The embedding of {self.name!r} has {len(bad)} values that are not finite, the "
                f"first is {X[row, column]} in row {row}, dimension {column}. "
                "Check the vectors of the words in that text, or remove the text."
            )
        object.__setattr__(self, "X", X.astype(np.float32, copy=False))
        object.__setattr__(self, "y", y.astype(np.int64, copy=False))

    def __len__(self) -> int:
        return len(self.X)


def embed(corpus: Corpus | str, vectors: KeyedVectors | str = DEFAULT_VECTORS) -> EmbeddedCorpus:
    """Embed every text of a corpus as the mean of its word vectors.

    The result is cached under a key made of the words of the texts and the content of the
    vectors. With the default vectors a cached result is returned without opening them.

    Args:
        corpus: a corpus, or a name for ``load_corpus``.
        vectors: word vectors, or a name for ``load_word_vectors``.

    Raises:
        ConfigError: an unknown name.
        DataError: an embedding that is not finite, because some word vector is not.
        DownloadError: data are not in the cache and cannot be fetched.

    Example:
        >>> vectors = KeyedVectors(2)
        >>> vectors.add_vectors(["good", "bad"], np.eye(2, dtype=np.float32))
        >>> corpus = Corpus("toy", ("good film", "bad film"), np.array([1, 0]), ("neg", "pos"))
        >>> embed(corpus, vectors).X
        array([[1., 0.],
               [0., 1.]], dtype=float32)
    """
    if isinstance(corpus, str):
        corpus = load_corpus(corpus)
    if vectors == DEFAULT_VECTORS:
        key = DEFAULT_VECTORS_KEY
    else:
        vectors = _as_vectors(vectors)
        key = vectors_key(vectors)
    # Keyed by the words, not by the texts: a change of the tokenizer changes the key as well.
    words = [" ".join(tokenize(text)) for text in corpus.texts]
    path = cache_dir() / "embeddings" / f"{content_key('mean', key, *words)}.npz"
    cached = _read(path, len(corpus))
    if cached is None:
        embedder = MeanEmbedder(vectors)
        X = embedder.fit_transform(corpus.texts)
        n_unknown = embedder.report_.n_unknown_texts
    else:
        X, n_unknown = cached
    embedded = EmbeddedCorpus(
        corpus.name, X, corpus.labels, corpus.label_names, n_unknown, corpus.texts
    )
    if cached is None:  # only what passed the checks of EmbeddedCorpus is stored
        with atomic_path(path) as temporary:
            check = content_key(X, str(n_unknown))
            np.savez(temporary, X=X, n_unknown=n_unknown, check=check)
    return embedded


def _read(path: Path, n_texts: int) -> tuple[np.ndarray, int] | None:
    """Return what ``embed`` stored, or None where it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            X, n_unknown, check = stored["X"], int(stored["n_unknown"]), str(stored["check"])
    except Exception:  # a damaged file fails in many ways, and the remedy is always the same
        return None
    intact = check == content_key(X, str(n_unknown)) and len(X) == n_texts
    return (X, n_unknown) if intact else None


def _as_vectors(vectors: KeyedVectors | str) -> KeyedVectors:
    if isinstance(vectors, str):
        return load_word_vectors(vectors)
    if not isinstance(vectors, KeyedVectors):
        raise ConfigError(
            f"vectors is of type {type(vectors).__name__}; expected gensim KeyedVectors or a name. "
            "Of a gensim model, give its attribute .wv."
        )
    return vectors
