"""Sentences from rules: a small grammar, filled with words that are taken from training texts.

The words come from three rules of thumb, which read the training texts and nothing else:

- a *named entity* is a run of capitalized words inside a sentence, or a word of letters and digits;
- an *aspect*, what a review speaks of, is the last word of a short run after "the", "a", "its";
- an *opinion* is a word that describes an aspect and that occurs with one label more than with the
  others, by its log-odds.

The label is known by construction: a sentence of a label holds opinions of that label only.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
from jaxtyping import Int

from embgan_edu.base.errors import ConfigError, DataError, check_whole
from embgan_edu.data.corpora import check_texts
from embgan_edu.data.vectors import tokenize

# Each name in braces is replaced by one of its rules, chosen at random, until only words are left.
# The last three names are filled from the training texts. No rule holds an opinion of its own:
# what a word says about the label has to come from the data.
GRAMMAR: dict[str, tuple[str, ...]] = {
    "sentence": ("{clause}.", "{clause}, and {clause}.", "{scene}, {clause}."),
    "clause": (
        "{thing} is {quality}",
        "I found {thing} {quality}",
        "it has a {quality} {aspect}",
        "this is a {quality} {aspect}",
        "there is something {quality} about {thing}",
    ),
    "scene": ("with its {quality} {aspect}", "when it comes to {thing}", "as for the {aspect}"),
    "thing": ("the {aspect}", "its {aspect}", "the {aspect} of {entity}", "{entity}"),
    "quality": ("{opinion}", "very {opinion}", "{opinion} and {opinion}"),
}

_DETERMINERS = frozenset(tokenize("a an the this that these those its their his her my your our"))
_LINKS = frozenset(tokenize("is are was were be been being seems feels looks sounds"))
_DEGREES = frozenset(tokenize("very so too really quite rather more most as also just such pretty"))
# Words of grammar: they end a run, and name and describe nothing.
_FUNCTION_WORDS = frozenset(
    tokenize(
        """and or but nor if than then of in on at by for from to with without into about over under
        up down out off i you he she it we they them him me us who which what when where why how all
        any each every some no not don't only own same other one two there here do does did has have
        had having can could will would should may might must it's you're I've I'll I'd I'm never
        ever even still yet while because though although until through between after before again
        once both few many much lot get got"""
    )
)
_FUNCTION_WORDS |= _DETERMINERS | _LINKS | _DEGREES
_END_OF_SENTENCE = re.compile(r"(?<=[.!?])[\"')]*\s+|[;:()]+")
_NAME = re.compile(r"[A-Z][\w'-]*\w(?: [A-Z][\w'-]*\w)*|\b(?=\w*[A-Za-z])(?=\w*\d)\w+\b")
_FIRST_WORD = re.compile(r"\W*[^\W\d]+(?!\w)")  # one with a digit is left to the search for names
_PIECE = re.compile(r"[^,.;:!?()\"]+")


@dataclass(frozen=True)
class Words:
    """What fills a grammar.

    Attributes:
        entities: Names, as they were written; may be empty.
        aspects: What is spoken of, the most frequent first.
        opinions: For each label, the words that speak for it, the strongest first.

    Example:
        >>> Words(("Paris",), ("film",), (("dull",), ("warm",))).opinions[1]
        ('warm',)
    """

    entities: tuple[str, ...]
    aspects: tuple[str, ...]
    opinions: tuple[tuple[str, ...], ...]


def named_entities(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the names in some texts, the most frequent first.

    A name is a run of capitalized words, or a word that mixes letters and digits, such as a model
    of camera. The first word of a sentence is capitalized anyway and does not count.

    Example:
        >>> named_entities(["We flew to New York. Then I lost my mp3 player, said Ann."])
        ('Ann', 'New York', 'mp3')
    """
    found: Counter[str] = Counter()
    for text in check_texts(texts):
        for sentence in _END_OF_SENTENCE.split(text):
            first = _FIRST_WORD.match(sentence)
            for match in _NAME.finditer(sentence, first.end() if first else 0):
                name = match.group()
                if tokenize(name) and name.lower() not in _FUNCTION_WORDS:
                    found[name] += 1
    return tuple(sorted(found, key=lambda name: (-found[name], name)))


def described(texts: Sequence[str]) -> tuple[Counter[str], Counter[str]]:
    """Count the words that are named and the words that describe, in some texts.

    After a determiner come at most three words that are no words of grammar. The last is named,
    those before describe it. After "is", "was", ... the next such word describes.

    Example:
        >>> named, describing = described(["The old film is very dull."])
        >>> sorted(named), sorted(describing)
        (['film'], ['dull', 'old'])
    """
    named: Counter[str] = Counter()
    describing: Counter[str] = Counter()
    for text in check_texts(texts):
        for piece in _PIECE.findall(text):
            words = tokenize(piece)
            for place, word in enumerate(words):
                following = words[place + 1 :]
                while following and following[0] in _DEGREES:
                    following = following[1:]
                run = list(takewhile(_has_meaning, following[:4]))
                if word in _DETERMINERS and 1 <= len(run) <= 3:
                    named[run[-1]] += 1
                    describing.update(run[:-1])
                elif word in _LINKS and len(run) == 1:
                    describing[run[0]] += 1
    return named, describing


def _has_meaning(word: str) -> bool:
    return word.isalpha() and len(word) > 2 and word not in _FUNCTION_WORDS


def log_odds(
    texts: Sequence[str], labels: Int[np.ndarray, " n"], n_labels: int
) -> dict[str, tuple[float, ...]]:
    r"""How much each word speaks for each label.

    .. math:: \log \frac{k_{wy} + \frac12}{n_y - k_{wy} + \frac12} -
              \log \frac{k_{w\bar y} + \frac12}{n_{\bar y} - k_{w\bar y} + \frac12}

    Here :math:`k_{wy}` of the :math:`n_y` texts of a label hold the word, and the bar means all
    other labels. Half a text is added to each count, so that no count is 0 (Haldane, 1956).

    Returns:
        For each word its log-odds, one number per label, in nats.

    Raises:
        DataError: No text, other numbers of texts and labels, or a label that has no text.

    Example:
        >>> odds = log_odds(["good film", "bad film"], np.array([1, 0]), n_labels=2)
        >>> [round(number, 2) for number in odds["good"]], odds["film"]
        ([-2.2, 2.2], (0.0, 0.0))
    """
    texts, labels = check_texts(texts), np.asarray(labels)
    if not texts or labels.shape != (len(texts),):
        raise DataError(
            f"There are {len(texts)} texts and labels of shape {labels.shape}; give one text or "
            "more, and one label for each."
        )
    totals = np.bincount(labels, minlength=n_labels)
    if len(totals) != n_labels or not totals.all():
        raise DataError(
            f"The labels occur {totals.tolist()} times; expected each of the labels 0 to "
            f"{n_labels - 1}. Give a text of every label."
        )
    counts: dict[str, np.ndarray] = {}
    for text, label in zip(texts, labels, strict=True):
        for word in set(tokenize(text)):
            counts.setdefault(word, np.zeros(n_labels))[label] += 1
    odds = {}
    for word, k in counts.items():
        others, all_others = k.sum() - k, totals.sum() - totals
        own = np.log((k + 0.5) / (totals - k + 0.5))
        odds[word] = tuple((own - np.log((others + 0.5) / (all_others - others + 0.5))).tolist())
    return odds


def find_words(
    texts: Sequence[str],
    labels: Int[np.ndarray, " n"],
    n_labels: int = 2,
    n_aspects: int = 30,
    n_opinions: int = 30,
) -> Words:
    """Take entities, aspects and opinions from labeled texts.

    Args:
        texts: Training texts. Words of a test text are a leak, even without its label.
        labels: Their labels.
        n_labels: Number of labels.
        n_aspects: At most so many aspects, the most frequent.
        n_opinions: At most so many opinions of each label, those of the largest log-odds.

    Raises:
        DataError: No text, a label without text, or no aspect or opinion found.

    Example:
        >>> words = find_words(["The film is warm.", "The plot is dull."], np.array([1, 0]))
        >>> words.aspects, words.opinions
        (('film', 'plot'), (('dull',), ('warm',)))
    """
    check_whole(1, n_aspects=n_aspects, n_opinions=n_opinions)
    odds = log_odds(texts, labels, n_labels)
    entities = named_entities(texts)
    parts = {word for name in entities for word in tokenize(name)}  # a name is no opinion
    named, describing = described(texts)
    opinions = []
    for label in range(n_labels):
        own = [word for word in describing if odds[word][label] > 0 and word not in parts]
        own.sort(key=lambda word: (-odds[word][label], word))
        opinions.append(tuple(own[:n_opinions]))
    aspects = [word for word in named if word not in describing and word not in parts]
    aspects.sort(key=lambda word: (-named[word], word))
    if not aspects or not all(opinions):
        raise DataError(
            f"The rules found {len(aspects)} aspects and {[len(o) for o in opinions]} opinions in "
            f"{len(texts)} texts; a grammar needs one of each, and opinions of every label. Give "
            "more texts, in English."
        )
    return Words(entities, tuple(aspects[:n_aspects]), tuple(opinions))


def fill(
    words: Words,
    label: int,
    rng: np.random.Generator,
    grammar: Mapping[str, Sequence[str]] = GRAMMAR,
) -> str:
    """Write one sentence of a label.

    Args:
        words: What to fill in.
        label: Whose opinions to use.
        rng: Source of the choices.
        grammar: Rules; the first name is where a sentence starts.

    Raises:
        ConfigError: An unknown label, or a rule that names what is not there.

    Example:
        >>> words = Words((), ("film",), (("dull",), ("warm",)))
        >>> fill(words, 1, np.random.default_rng(0), {"sentence": ("The {aspect} is {opinion}.",)})
        'The film is warm.'
    """
    if label not in range(len(words.opinions)):
        known = ", ".join(map(str, range(len(words.opinions))))
        raise ConfigError(f"label={label!r} was never seen; possible: {known}.")
    # Where no text holds a name, "it" stands in for one.
    rules: dict[str, Sequence[str]] = {
        **grammar,
        "entity": words.entities or ("it",),
        "aspect": words.aspects,
        "opinion": words.opinions[label],
    }

    def expand(name: str) -> str:
        if name not in rules:
            raise ConfigError(
                f"A rule of the grammar names {{{name}}}; possible: {', '.join(rules)}."
            )
        rule = rules[name][int(rng.integers(len(rules[name])))]
        if name not in grammar:
            return rule  # a word of the data, braces and all
        return re.sub(r"\{(\w+)\}", lambda slot: expand(slot[1]), rule)

    sentence = expand(next(iter(grammar)))
    sentence = re.sub(r"\b([Aa])(?= [aeiou])", r"\1n", sentence)
    return sentence[:1].upper() + sentence[1:]
