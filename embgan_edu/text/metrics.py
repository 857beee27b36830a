"""How diverse some texts are, and whether they are new.

Words are those of :func:`embgan_edu.data.vectors.tokenize`: lower case, without punctuation. An
n-gram is a run of n words within one text. All numbers depend on how many texts there are;
compare sets of one size.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from embgan_edu.base.errors import DataError, check_whole
from embgan_edu.data.corpora import check_texts
from embgan_edu.data.vectors import tokenize


def distinct_n(texts: Sequence[str], n: int = 2) -> float:
    """Share of the n-grams that are different from each other, from near 0 to 1.

    Source: Li et al. (2016), "A diversity-promoting objective function for neural conversation
    models", section 5.1. They divide by the number of words, we by the number of n-grams, so that
    texts without any repetition reach 1.

    Raises:
        ConfigError: ``n`` below 1.
        DataError: No text, or no text of ``n`` words.

    Example:
        >>> distinct_n(["a good film", "a good book"], n=2)
        0.75
    """
    grams = [gram for words in _words(texts, n) for gram in _grams(words, n)]
    return len(set(grams)) / len(grams)


def self_bleu(texts: Sequence[str], max_n: int = 2) -> float:
    r"""How much each text is put together from pieces of the others, from 0 to 1.

    Each text is scored by BLEU with all other texts as its references, and the scores are averaged:

    .. math:: \mathrm{BLEU} = \min(1, e^{1 - r/c}) \prod_{n=1}^N p_n^{1/N}

    Here :math:`p_n` is the share of the text's n-grams that also occur in some reference, as often
    as they do there at most; c is the length of the text and r that of the reference of the nearest
    length. Where no n-gram is found, a tenth of one is counted, as Chen & Cherry (2014, method 1)
    propose, so that one missing n-gram does not make the product 0.

    Source: Zhu et al. (2018), "Texygen", section 2.2; BLEU: Papineni et al. (2002), section 2.

    Args:
        texts: Two or more texts. One that is shorter than ``max_n`` words is scored by the
            n-grams that it has.
        max_n: The longest n-grams, N in the formula.

    Raises:
        ConfigError: ``max_n`` below 1.
        DataError: Fewer than two texts that have a word.

    Example:
        >>> self_bleu(["a good film", "a good film"])
        1.0
        >>> round(self_bleu(["a good film", "a bad book"]), 3)
        0.129
    """
    check_whole(1, max_n=max_n)
    words = _words(texts, 1)
    if len(words) < 2:
        raise DataError("There is one text with a word; each text is compared with others.")
    lengths = np.array([len(each) for each in words])
    logs, orders = np.zeros(len(words)), np.zeros(len(words))
    for n in range(1, max_n + 1):
        counts = [Counter(_grams(each, n)) for each in words]
        # The most of the *other* texts is the largest count of all, unless it is the text's own.
        largest: dict[tuple[str, ...], list[int]] = {}
        for count in counts:
            for gram, number in count.items():
                largest[gram] = sorted([*largest.get(gram, [0, 0]), number])[-2:]
        for i, count in enumerate(counts):
            if count:
                found = 0
                for gram, number in count.items():
                    second, first = largest[gram]
                    found += min(number, second if number == first else first)
                logs[i] += np.log(max(found, 0.1) / count.total())
                orders[i] += 1
    scores = np.exp(logs / orders)
    for i, length in enumerate(lengths):
        others = np.delete(lengths, i)
        # The nearest length; of two as near, the shorter.
        nearest = min(others, key=lambda other: (abs(other - length), other))
        scores[i] *= min(1.0, np.exp(1 - nearest / length))
    return float(scores.mean())


def copied_share(texts: Sequence[str], training: Sequence[str]) -> float:
    """Share of the texts that stand word for word in a training text, as a whole or as a part.

    Raises:
        DataError: No text with a word, or no training text.

    Example:
        >>> copied_share(["A good film!", "a bad film"], ["It is a good film.", "So bad."])
        0.5
    """
    if not training:
        raise DataError("There is no training text to compare with; give the texts trained on.")
    # Spaces on both sides: "art" must not be found in "part".
    known = [f" {' '.join(tokenize(text))} " for text in check_texts(training)]
    ours = [f" {' '.join(words)} " for words in _words(texts, 1)]
    return float(np.mean([any(text in other for other in known) for text in ours]))


def _grams(words: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(words[start:] for start in range(n)), strict=False))


def _words(texts: Sequence[str], least: int) -> list[list[str]]:
    """Return the words of the texts that have so many."""
    check_whole(1, n=least)
    words = [tokenize(text) for text in check_texts(texts)]
    kept = [each for each in words if len(each) >= least]
    if not kept:
        raise DataError(f"None of the {len(words)} texts has {least} words or more; give others.")
    return kept
