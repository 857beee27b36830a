"""Answers to the exercises of chapter 7."""

import copy

import numpy as np
import torch
from bank import right, wrong
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler

TWEETS = "the tweets are in their own units"
FIT = "the four fifths have mean 0 and standard deviation 1"
VOTERS = "the voting fifth is in the units of the four fifths"
CONSTANT = "a feature that does not vary is only centered"


@right("ex07-1")
def scalers(tweets, reviews, k):
    voting = list(range(k, len(reviews), 5))
    staying = np.delete(reviews, voting, axis=0)
    scaler = StandardScaler().fit(staying)
    return (
        StandardScaler().fit_transform(tweets),
        scaler.transform(staying),
        scaler.transform(reviews[voting]),
    )


@right("ex07-1")
def feature_by_feature(A, B, k):
    stay = [row for i, row in enumerate(B) if (i - k) % 5]
    vote = [row for i, row in enumerate(B) if not (i - k) % 5]
    tables = [np.array(A).T, np.array(stay).T, np.array(vote).T]
    for features in zip(*tables, strict=True):
        own, units, voted = features
        mean = sum(units) / len(units)
        sd = (sum((units - mean) ** 2) / len(units)) ** 0.5 or 1.0
        voted -= mean
        voted /= sd
        units -= mean
        units /= sd
        own -= own.mean()
        own /= np.sqrt((own**2).mean()) or 1.0
    return [table.T for table in tables]


def cut(reviews, k):
    return np.delete(reviews, np.s_[k::5], axis=0), reviews[k::5]


def zscore(rows, others, guard=True):
    sd = np.sqrt(others.var(axis=0))
    if guard:
        sd[sd == 0] = 1
    return (rows - np.mean(others, axis=0)) / sd


@wrong("ex07-1", TWEETS, "in units of the reviews")
def tweets_in_units_of_the_draw(tweets, reviews, k):
    fit, vote = cut(reviews, k)
    return zscore(tweets, fit), zscore(fit, fit), zscore(vote, fit)


@wrong("ex07-1", [TWEETS, FIT, VOTERS], "for tweets and reviews together")
def one_unit_for_all(tweets, reviews, k):
    fit, vote = cut(reviews, k)
    both = np.vstack([fit, tweets])
    return zscore(tweets, both), zscore(fit, both), zscore(vote, both)


@wrong("ex07-1", [FIT, VOTERS], "the voting fifth has a say")
def units_of_all_reviews(tweets, reviews, k):
    return zscore(tweets, tweets), *cut(zscore(reviews, reviews), k)


@wrong("ex07-1", VOTERS, "in units of its own")
def voters_in_their_own_units(tweets, reviews, k):
    return tuple(zscore(rows, rows) for rows in (tweets, *cut(reviews, k)))


@wrong("ex07-1", CONSTANT, "cannot divide")
def divides_by_zero(tweets, reviews, k):
    fit, vote = cut(reviews, k)
    with np.errstate(all="ignore"):
        pairs = ((tweets, tweets), (fit, fit), (vote, fit))
        return tuple(zscore(*pair, guard=False) for pair in pairs)


def adam(network, rate):
    return torch.optim.Adam(network.parameters(), lr=rate)


@right("ex07-2")
def deep_copies_made_ready(G, D, make_G, make_D, rate):
    pair = [copy.deepcopy(network).train().requires_grad_() for network in (G, D)]
    return *pair, *(adam(network, rate) for network in pair)


@right("ex07-2")
def tensor_by_tensor(old_G, old_D, make_G, make_D, rate):
    made = (make_G(), make_D())
    optimizers = [adam(network, rate) for network in made]
    with torch.no_grad():
        for old, new in zip((old_G, old_D), made, strict=True):
            entries = new.state_dict()
            for name, tensor in old.state_dict().items():
                entries[name].copy_(tensor)
    return *made, *optimizers


@wrong("ex07-2", "the new discriminator has the old weights", "fresh discriminator")
def generator_only(G, D, make_G, make_D, rate):
    new_G, new_D = make_G(), make_D()
    new_G.load_state_dict(G.state_dict())
    return new_G, new_D, adam(new_G, rate), adam(new_D, rate)


@wrong("ex07-2", "the running averages come along", "running averages")
def parameters_only(G, D, make_G, make_D, rate):
    made = (make_G(), make_D())
    for old, new in zip((G, D), made, strict=True):
        for p, q in zip(old.parameters(), new.parameters(), strict=True):
            q.data.copy_(p.data)
    return *made, *(adam(network, rate) for network in made)


@wrong("ex07-2", "a change of the new networks does not change the old ones", "share their memory")
def shared_tensors(G, D, make_G, make_D, rate):
    made = (make_G(), make_D())
    for old, new in zip((G, D), made, strict=True):
        new.load_state_dict(old.state_dict())
        for p, q in zip(old.parameters(), new.parameters(), strict=True):
            q.data = p.data
    return *made, *(adam(network, rate) for network in made)


@wrong(
    "ex07-2",
    [
        "a change of the new networks does not change the old ones",
        "ready to train, also after frozen networks",
    ],
    "second name",
)
def the_same_networks(G, D, make_G, make_D, rate):
    return G, D, adam(G, rate), adam(D, rate)


@wrong("ex07-2", "each optimizer moves its own new network, as Adam does", "the old networks")
def optimizers_of_the_old_networks(G, D, make_G, make_D, rate):
    optimizers = adam(G, rate), adam(D, rate)
    pair = [copy.deepcopy(network).train().requires_grad_() for network in (G, D)]
    return *pair, *optimizers


@wrong("ex07-2", "ready to train, also after frozen networks", "deepcopy also copies")
def frozen_copies(G, D, make_G, make_D, rate):
    new_G, new_D = copy.deepcopy((G, D))
    return new_G, new_D, adam(new_G, rate), adam(new_D, rate)


ROUNDS = "five folds, in which every training row votes once"
APART = "voters do not train, and all others do"
NUMBER = "returns the number of steps with the highest mean gain"
NO_SAY = "the test rows have no say in the number of steps"
REPORT = "reports the test gain at that number, after training on all training rows"


@right("ex07-3")
def shuffled_folds(train, test, moments, gain):
    splitter = KFold(5, shuffle=True, random_state=1)
    total = sum(gain(train[a], train[b]) for a, b in splitter.split(train))
    at = list(total).index(max(total))
    return int(moments[at]), float(gain(train, test)[at])


@right("ex07-3")
def number_by_number(train, test, moments, gain):
    positions = np.arange(len(train))
    sums = {}
    for i, steps in enumerate(moments):
        sums[steps] = 0.0
        for k in range(5):
            votes = positions % 5 == k
            sums[steps] += gain(train[~votes], train[votes])[i]
    steps = max(sums, key=sums.get)
    return steps, gain(train, test)[list(moments).index(steps)]


def honest(train, test, moments, gain, folds=5):
    curve = 0
    for k in range(folds):
        curve = curve + gain(np.delete(train, np.s_[k::5]), train[k::5])
    at = int(np.argmax(curve))
    return at, curve / folds, gain(train, test)


@wrong("ex07-3", [ROUNDS, APART, NO_SAY, REPORT], "chosen on test rows")
def peeks(train, test, moments, gain):
    curve = gain(train, test)
    return moments[np.argmax(curve)], max(curve)


@wrong("ex07-3", [APART, NUMBER, NO_SAY, REPORT], "learned their own labels by heart")
def trains_on_the_voters_too(train, test, moments, gain):
    at = np.argmax(sum(gain(train, train[k::5]) for k in range(5)))
    return moments[at], gain(train, test)[at]


@wrong("ex07-3", REPORT, "The largest test gain")
def reports_the_maximum(train, test, moments, gain):
    at, _, outside = honest(train, test, moments, gain)
    return moments[at], outside.max()


@wrong("ex07-3", REPORT, "inside the folds is reported")
def reports_the_inside_gain(train, test, moments, gain):
    at, inside, _ = honest(train, test, moments, gain)
    return moments[at], inside[at]


@wrong("ex07-3", ROUNDS, "Five calls of gain")
def two_folds_of_five(train, test, moments, gain):
    at, _, outside = honest(train, test, moments, gain, folds=2)
    return moments[at], outside[at]


JUDGE = "the corrected judge is Bayes' rule with the other shares"
SAME = "nothing changes where the shares are the same"
MEAN = "the mean is one of probabilities"
THREE = "three labels"


def shares_of(labels):
    return np.bincount(labels) / len(labels)


def normalized(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@right("ex07-4")
def by_odds(judge, own, trained_on, used_on):
    weights = shares_of(used_on) / shares_of(trained_on)
    corrected = weights * np.exp(judge)
    corrected = corrected / corrected.sum(axis=1)[:, None]
    return corrected, 0.5 * corrected + 0.5 * normalized(own)


@right("ex07-4")
def with_torch(judge, own, trained_on, used_on):
    counts = [torch.bincount(torch.as_tensor(y)).double() for y in (used_on, trained_on)]
    shift = (counts[0] / counts[0].sum()).log() - (counts[1] / counts[1].sum()).log()
    both = torch.stack([torch.as_tensor(judge) + shift, torch.as_tensor(own)]).softmax(dim=2)
    return both[0], both.mean(dim=0)


@wrong("ex07-4", [JUDGE, MEAN, THREE], "wrong sign")
def the_wrong_way_round(judge, own, trained_on, used_on):
    shift = np.log(shares_of(trained_on)) - np.log(shares_of(used_on))
    corrected = normalized(judge + shift)
    return corrected, (corrected + normalized(own)) / 2


@wrong("ex07-4", [JUDGE, MEAN, THREE], "Shares are added")
def shares_in_place_of_logarithms(judge, own, trained_on, used_on):
    corrected = normalized(judge + shares_of(used_on) - shares_of(trained_on))
    return corrected, (corrected + normalized(own)) / 2


@wrong("ex07-4", [MEAN, THREE], "logits are averaged")
def mean_of_logits(judge, own, trained_on, used_on):
    logits = judge + np.log(shares_of(used_on) / shares_of(trained_on))
    return normalized(logits), normalized((logits + own) / 2)


@wrong("ex07-4", [MEAN, THREE], "corrected too")
def both_corrected(judge, own, trained_on, used_on):
    shift = np.log(shares_of(used_on) / shares_of(trained_on))
    return normalized(judge + shift), (normalized(judge + shift) + normalized(own + shift)) / 2


@wrong("ex07-4", [JUDGE, SAME, MEAN, THREE], "equal shares")
def to_equal_shares(judge, own, trained_on, used_on):
    corrected = normalized(judge - np.log(shares_of(trained_on)))
    return corrected, (corrected + normalized(own)) / 2


@wrong("ex07-4", [THREE], "One number for each label")
def two_labels_only(judge, own, trained_on, used_on):
    def odds(labels):
        return np.log((labels == 1).mean() / (labels != 1).mean())

    shift = np.zeros(judge.shape[1])
    shift[1] = odds(used_on) - odds(trained_on)
    corrected = normalized(judge + shift)
    return corrected, (corrected + normalized(own)) / 2
