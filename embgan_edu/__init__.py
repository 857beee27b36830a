"""Generate labeled sentence embeddings with a GAN, and measure whether they help.

One room per concern; each builds on those before it: ``data`` (text to scarce draws), ``models``,
``measure``, ``text`` (synthetic sentences), ``study`` (the book's recipes and tables), and
``publish`` (notebooks to book). Import from the module that has what you need:

    from embgan_edu.data.embedding import embed
    from embgan_edu.data.splits import draw_splits
    from embgan_edu.models.gan import GAN, GANConfig
"""
