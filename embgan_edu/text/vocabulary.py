"""The words that a language model can write."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from gensim.models import KeyedVectors
from jaxtyping import Int

from embgan_edu.base.errors import DataError, check_whole
from embgan_edu.data.vectors import tokenize

END = "."  # the full stop: what ends a sentence, and what the next one starts after
IMPOSSIBLE = -1e9  # log-probability of what must not be drawn; finite, so that no 0 * inf occurs


class Vocabulary:
    """The words that a language model can write, each with its vector and its frequency.

    The first word is ``END``. Then come the words of ``texts``, the most frequent first, then those
    of ``more_texts``, until ``size`` is full. Words without a vector are left out, as they are when
    a sentence is embedded.

    Args:
        texts: The sentences to learn from.
        vectors: Word vectors.
        more_texts: Sentences of another corpus, whose words may be used as well.
        size: Number of words, ``END`` included.

    Attributes:
        words: The words, no more than ``size``.
        vectors: Their vectors, scaled to components of size 1; shape (size, dim), float32. Rows
            beyond the last word are 0.
        log_frequency: Logarithm of each word's share, the mean of its shares in ``texts`` and in
            ``more_texts``; shape (size,). Beyond the last word it is next to minus infinity.

    Raises:
        ConfigError: ``size`` below 2.
        DataError: No text, or no word that has a vector.

    Example:
        >>> vectors = KeyedVectors(2)
        >>> vectors.add_vectors([".", "good", "film"], np.eye(3, 2, dtype=np.float32))
        >>> vocabulary = Vocabulary(["A good, good film!"], vectors, size=5)
        >>> vocabulary.words
        ['.', 'good', 'film']
        >>> vocabulary.encode(["A good film!"], max_words=4)
        array([[ 1,  2,  0, -1]])
    """

    def __init__(
        self,
        texts: Sequence[str],
        vectors: KeyedVectors,
        more_texts: Sequence[str] = (),
        size: int = 2000,
    ) -> None:
        check_whole(2, size=size)
        if not texts:
            raise DataError("There is no text to learn from; give at least one sentence.")
        counts = [
            Counter(word for text in corpus for word in tokenize(text) if word in vectors)
            for corpus in (texts, more_texts)
        ]
        # Ties by letter: the order must not depend on the order of the sentences.
        ordered = [w for c in counts for w in sorted(c, key=lambda word: (-c[word], word))]
        self.words = [END, *dict.fromkeys(ordered)][:size]
        if len(self.words) < 2:
            raise DataError(
                f"None of the words of the {len(texts)} texts has a word vector, so there is "
                "nothing to write with. Give texts in the language of the vectors."
            )
        self.index = {word: i for i, word in enumerate(self.words)}
        table = np.zeros((size, vectors.vector_size), dtype=np.float32)
        for i, word in enumerate(self.words):
            if word in vectors:
                table[i] = vectors[word]
        self.vectors = table / np.sqrt(np.mean(table[: len(self.words)] ** 2))
        shares = []
        for corpus, count in zip((texts, more_texts), counts, strict=True):
            if corpus:
                # Half a count for every word: what was not seen is rare, not impossible.
                number = 0.5 + np.array([len(corpus), *(count[word] for word in self.words[1:])])
                shares.append(number / number.sum())
        self.log_frequency = np.full(size, IMPOSSIBLE, dtype=np.float32)
        self.log_frequency[: len(self.words)] = np.log(np.mean(shares, axis=0))

    def encode(self, texts: Sequence[str], max_words: int) -> Int[np.ndarray, "n time"]:
        """Return the numbers of each sentence's known words, then 0 for its end, and then -1.

        A row is ``max_words`` long. A sentence that is too long is cut, and has no end.
        """
        rows = np.full((len(texts), max_words), -1, dtype=np.int64)
        for row, text in zip(rows, texts, strict=True):
            numbers = [self.index[word] for word in tokenize(text) if word in self.index]
            numbers = [*numbers, 0][:max_words]
            row[: len(numbers)] = numbers
        return rows

    def decode(self, numbers: Int[np.ndarray, " time"]) -> str:
        """Return the words up to the end, with spaces between them."""
        words = []
        for number in numbers:
            if number <= 0:
                break
            words.append(self.words[number])
        return " ".join(words)
