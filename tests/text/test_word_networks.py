"""The GRU is Keras's, the attention torch's; both read from left to right and each draw alone."""

import dataclasses
import os

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from embgan_edu.base.errors import ConfigError
from embgan_edu.models.stacked import DrawStreams
from embgan_edu.text.word_networks import (
    GRU,
    NETWORKS,
    LanguageModelConfig,
    Transformer,
    causal_attention,
)

SMALL = LanguageModelConfig(hidden=8, heads=2, max_words=7)
both_networks = pytest.mark.parametrize("network", list(NETWORKS))


def make(network: str, n_draws: int = 2) -> GRU | Transformer:
    return NETWORKS[network](5, SMALL, DrawStreams(0, n_draws))


def words(n_draws: int = 2) -> torch.Tensor:
    return DrawStreams(1, n_draws).normal(3, 7, 5)


def test_the_gru_is_the_one_of_keras():
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((7, 5)), layers.GRU(8, return_sequences=True), layers.Dense(5)]
    )
    rng = np.random.default_rng(0)
    kernel, recurrent, bias, output, shift = (
        rng.normal(size=w.shape).astype("float32") for w in model.get_weights()
    )
    model.set_weights([kernel, recurrent, bias, output, shift])
    ours = make("gru", 1)
    state = {
        "inputs.weight": kernel,
        "inputs.bias": bias[:1],
        "recurrent.weight": recurrent,
        "recurrent.bias": bias[1:],
        "output.weight": output,
        "output.bias": shift[None],
    }
    ours.load_state_dict({name: torch.as_tensor(value)[None] for name, value in state.items()})
    x = words(1)
    with torch.no_grad():
        np.testing.assert_allclose(ours(x)[0][0], model(x[0]).cpu(), atol=1e-5)


def test_attention_is_the_one_of_torch():
    queries, keys, values = DrawStreams(0, 3).normal(2, 3, 6, 4).unbind(2)
    expected = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
    torch.testing.assert_close(causal_attention(queries, keys, values), expected)


@both_networks
def test_a_later_word_changes_no_earlier_answer(network):
    model, x = make(network), words()
    changed = x.clone()
    changed[:, :, 4] += 1
    with torch.no_grad():
        before, after = model(x)[0], model(changed)[0]
    torch.testing.assert_close(before[:, :, :4], after[:, :, :4], rtol=0, atol=0)
    assert (before[:, :, 4:] - after[:, :, 4:]).abs().amin(dim=(0, 1, 3)).min() > 0


@both_networks
def test_word_by_word_is_the_same_as_all_at_once(network):
    model, x = make(network), words()
    with torch.no_grad():
        whole, _ = model(x)
        first, state = model(x[:, :, :3])
        answers = [first]
        for t in range(3, 7):
            answer, state = model(x[:, :, t : t + 1], state)
            answers.append(answer)
    torch.testing.assert_close(torch.cat(answers, dim=2), whole, atol=1e-5, rtol=1e-5)


@both_networks
def test_a_draw_does_not_depend_on_the_draws_beside_it(network):
    with torch.no_grad():
        many, one = make(network, 3)(words(3))[0], make(network, 1)(words(1))[0]
    torch.testing.assert_close(many[:1], one, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"network": "lstm"}, "no network 'lstm'; possible: gru, transformer"),
        ({"hidden": 10, "heads": 4}, "hidden=10 cannot be shared by heads=4"),
        ({"steps": 0}, "steps=0"),
        ({"max_words": 2.5}, "max_words=2.5"),
        ({"learning_rate": 0.0}, "learning_rate=0.0; expected a number above 0"),
    ],
)
def test_impossible_settings_are_refused_by_name(settings, message):
    with pytest.raises(ConfigError, match=message):
        dataclasses.replace(LanguageModelConfig(), **settings)
