"""From text to scarce, standardized draws: fetch, read, embed, split."""
