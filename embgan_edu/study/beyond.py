"""What came after the paper: the methods of chapters 11 to 14, by the names in their table.

Each fits a sampler to the draws of a target corpus, and most learn from a source corpus as well,
the tweets. :func:`embgan_edu.study.ladder.run_ladder` evaluates them like the rungs of the ladder.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from embgan_edu.data.embedding import EmbeddedCorpus
from embgan_edu.data.splits import ScarceSplits
from embgan_edu.models.baselines import RealPool, Sampler
from embgan_edu.models.gan import GANConfig
from embgan_edu.study.method import Method
from embgan_edu.study.private_recipe import private_gan, private_recipe, tweets_only
from embgan_edu.study.recipe import LADDER, configure, fit_gan, standardized
from embgan_edu.study.text_recipe import (
    fit_gru,
    fit_judged,
    fit_pretrained,
    fit_templates,
    fit_word_soup,
)
from embgan_edu.study.vae_recipe import fit_pretrained_vae, fit_vae

# The newer GANs differ from the rung "+ noise" in their loss and its customary settings alone. The
# wide one is the same R3GAN with room; benchmarks/choose_newer.py chose what was left to choose.
_RUNG = configure(LADDER["+ noise"])
_FAST = replace(_RUNG, generator_rate=5e-4, discriminator_rate=5e-4, beta1=0.0)
NEWER_GANS: dict[str, GANConfig] = {
    "WGAN-GP": replace(_FAST, loss="wasserstein", unit_penalty=10.0, critic_steps=5, beta2=0.9),
    "SN-GAN": replace(_FAST, loss="hinge", spectral_norm=True, beta2=0.9),
    "PacGAN": replace(_RUNG, pack=2),
    "R3GAN": replace(_FAST, loss="relativistic", zero_penalty=0.3, average=0.995, beta2=0.99),
}
NEWER_GANS["R3GAN, wide"] = replace(
    NEWER_GANS["R3GAN"], hidden=256, batch_size=128, noise=0.6, consistency=1.0
)
FINE_TUNING = {"R3GAN, wide": 300}  # steps, where they are not recipe.FINE_TUNING_STEPS
FROM_SCRATCH = " from scratch"  # ends the name of a GAN that was not pretrained


def aligned_tweets(
    splits: ScarceSplits,
    target: EmbeddedCorpus,
    source: EmbeddedCorpus,
    random_state: int,
    progress: bool,
) -> RealPool:
    """Real rows of the source in units of the source itself: what a pretrained GAN has seen."""
    shape = (splits.n_draws, 1, 1)
    pool = RealPool(np.tile(standardized(source), shape), np.tile(source.y, shape[:2]))
    return pool.fit(splits.X_train, splits.y_train)


def _gan(name: str, pretrained: bool) -> Method:
    def fit(
        splits: ScarceSplits,
        target: EmbeddedCorpus,
        source: EmbeddedCorpus,
        random_state: int,
        progress: bool,
    ) -> Sampler:
        corpus = source if pretrained else None
        config = NEWER_GANS.get(name, _RUNG)
        steps = FINE_TUNING.get(name)
        return fit_gan(config, splits, corpus, random_state, progress, steps, judge_corpus=corpus)

    settings = f"{NEWER_GANS.get(name, _RUNG)}, {pretrained}, {FINE_TUNING.get(name)}"
    return Method(fit, needs_source=pretrained, settings=settings)


_PRIVATE = ("models.private_gan", "study.private_recipe")


def _private_recipe(epsilon: float) -> Method:
    fit = partial(private_recipe, epsilon=epsilon)
    return Method(fit, modules=_PRIVATE, settings=f"epsilon={epsilon}")


_TEXT = (
    "study.text_recipe",
    "text.language_model",
    "text.samplers",
    "text.templates",
    "text.vocabulary",
    "text.word_networks",
)
_VAE = ("models.vae", "study.vae_recipe")
_PRETRAINED_GRU = partial(fit_pretrained, "gru")
METHODS: dict[str, Method] = {
    "aligned tweets": Method(aligned_tweets),
    "VAE": Method(fit_vae, needs_source=False, modules=_VAE),
    "pretrained VAE": Method(fit_pretrained_vae, modules=_VAE),
    "templates": Method(fit_templates, needs_source=False, modules=_TEXT),
    "word soup": Method(fit_word_soup, needs_source=False, modules=_TEXT),
    "judged soup": Method(partial(fit_judged, fit_word_soup), modules=_TEXT),
    "GRU": Method(fit_gru, needs_source=False, modules=_TEXT),
    "pretrained GRU": Method(_PRETRAINED_GRU, modules=_TEXT),
    "judged GRU": Method(partial(fit_judged, _PRETRAINED_GRU), modules=_TEXT),
    "pretrained Transformer": Method(partial(fit_pretrained, "transformer"), modules=_TEXT),
    "tweets only": Method(tweets_only, modules=_PRIVATE),
    "private recipe": _private_recipe(epsilon=10.0),
    # A budget too small to learn from the rows: what the steps do without them.
    "private recipe, epsilon 0.1": _private_recipe(epsilon=0.1),
    "private GAN": Method(private_gan, modules=_PRIVATE),
    **{name: _gan(name, pretrained=True) for name in NEWER_GANS},
    **{name + FROM_SCRATCH: _gan(name, pretrained=False) for name in ("+ noise", *NEWER_GANS)},
}
