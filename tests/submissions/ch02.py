"""Answers to the exercises of chapter 2."""

from collections import defaultdict

import numpy as np
from bank import right, wrong
from scipy.spatial.distance import cosine

COSINE = "nearest first, by the cosine"
NOT_ITSELF = "n words without the query, even if others have its direction"
MEAN = "an array of one row per text, each the weighted mean"
TRAINING_ONLY = "the counts come from the training texts alone"
NEW_WORD = "a word that is new to the training texts has weight 1"


@right("ex02-1")
def picks_the_best_again_and_again(query, table, n):
    left = {name: cosine(v, table[query]) for name, v in table.items() if name != query}
    chosen = []
    while left and len(chosen) < n:
        best = min(left, key=left.get)
        chosen.append(best)
        del left[best]
    return chosen


@right("ex02-1")
def distances_of_unit_vectors(query, table, n):
    names = np.array(list(table))
    unit = np.array([table[name] / np.sqrt((table[name] ** 2).sum()) for name in names])
    far = ((unit - unit[names == query]) ** 2).sum(axis=1)
    far[names == query] = np.inf
    return [str(name) for name in names[far.argsort()]][: min(n, len(names) - 1)]


@wrong("ex02-1", COSINE, "Euclidean distance")
def euclidean(query, table, n):
    far = [(float(((v - table[query]) ** 2).sum()), w) for w, v in table.items() if w != query]
    return [name for _, name in sorted(far)[:n]]


@wrong("ex02-1", NOT_ITSELF, "its own nearest neighbor")
def query_included(query, table, n):
    return sorted(table, key=lambda name: cosine(table[name], table[query]))[:n]


@wrong("ex02-1", NOT_ITSELF, "its own nearest neighbor")
def drops_the_first(query, table, n):
    def nearness(name):
        return table[name] @ table[query] / np.linalg.norm(table[name])

    return sorted(table, key=nearness, reverse=True)[1 : n + 1]


@wrong("ex02-1", "opposite directions come last", "opposite words come first")
def size_of_the_cosine(query, table, n):
    near = {w: abs(1 - cosine(v, table[query])) for w, v in table.items() if w != query}
    return sorted(near, key=near.get, reverse=True)[:n]


def one_matrix(train, texts, vectors, dim, counted=None):
    """All rows as one product: weights times vectors."""
    names = sorted({word for text in train + texts for word in text if word in vectors})
    column = {name: i for i, name in enumerate(names)}

    def table(documents):
        found = np.zeros((len(documents), len(names)))
        for i, document in enumerate(documents):
            for word in document:
                if word in column:
                    found[i, column[word]] += 1
        return found

    weight = 1 / (1 + table(train if counted is None else counted).sum(axis=0))
    shares = table(texts) * weight
    total = shares.sum(axis=1, keepdims=True)
    shares = np.divide(shares, total, out=np.zeros_like(shares), where=total > 0)
    return shares @ np.array([vectors[name] for name in names])


right("ex02-2", name="a matrix of weights")(one_matrix)


@right("ex02-2")
def one_pass(train, texts, vectors, dim):
    seen = defaultdict(int)
    for text in train:
        for word in text:
            seen[word] += 1
    made = []
    for text in texts:
        row, norm = np.zeros(dim), 0.0
        for word in text:
            try:
                row = row + vectors[word] / (seen[word] + 1)
            except KeyError:
                continue
            norm += 1 / (seen[word] + 1)
        made.append(row / (norm or 1.0))
    return np.stack(made)


@wrong("ex02-2", [TRAINING_ONLY, NEW_WORD], "test texts leak")
def counts_of_all_texts(train, texts, vectors, dim):
    return one_matrix(train, texts, vectors, dim, counted=train + texts)


@wrong("ex02-2", MEAN, "numbers of texts")
def document_frequencies(train, texts, vectors, dim):
    return one_matrix(train, texts, vectors, dim, counted=[list(dict.fromkeys(t)) for t in train])


@wrong("ex02-2", "words without a vector change nothing", "left out of both sums")
def unknown_words_are_zero_vectors(train, texts, vectors, dim):
    everything = {word: np.zeros(dim) for text in texts for word in text} | dict(vectors)
    return one_matrix(train, texts, everything, dim)


@wrong("ex02-2", "zeros for a text without any known word", "zero divided by zero")
def no_rule_for_unknown_texts(train, texts, vectors, dim):
    rows = one_matrix(train, texts, vectors, dim)
    rows[[not any(word in vectors for word in text) for text in texts]] = np.nan
    return rows


RIGHT = {
    "score": 0.5,
    "not below": -3,
    "not bad": "always negative",
    "weights": "no, whatever the weights",
    "glove": "GloVe has no vector for 'not_good'",
}

wrong("ex02-3", "the score of a text", "counted as a zero vector", name="all five words")(
    RIGHT | {"score": 2 / 5}
)
wrong("ex02-3", "what weights can do about word order", "List the words", name="rare not")(
    RIGHT | {"weights": "yes, if 'not' is rare"}
)
