"""Generate labeled sentence embeddings with a GAN, and measure whether they help.

The modules build on each other in this order: data (``corpora``, ``vectors``, ``embedding``), the
``protocol`` of scarce draws, models (``classifier``, ``gan``, ``baselines``), ``metrics`` and
``evaluation``, then ``plots`` and ``figures``. Import from the module that has what you need:

    from embgan_edu.embedding import embed
    from embgan_edu.protocol import draw_splits
    from embgan_edu.gan import GAN, GANConfig
"""
