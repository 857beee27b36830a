"""Choose the VAE's latent dimensions and steps by cross-validation, as ``choose_recipe.py`` does.

A VAE has a likelihood, so what counts is that of the held-out fifth of the training rows, in nats
per row, the mean of both domains. The gain has no say.

What was seen: from scratch, 8 and 16 dimensions are equal and 32 are half a nat worse; 250 to 300
steps are best, and 400 are worse by half a nat. After pretraining, 25 steps of fine-tuning are
better than none and than 50; 500 and 1,000 steps of pretraining are about equal, and 1,500 are
worse.

Run: python benchmarks/choose_vae.py  (about a quarter of an hour on one core)
"""

from dataclasses import replace

from choose_recipe import draw_folds

from embgan_edu.data.embedding import embed
from embgan_edu.models.vae import VAE, VAEConfig
from embgan_edu.study.recipe import NETWORKS
from embgan_edu.study.vae_recipe import pretrain_vae

SAMPLES = 10  # latents for each row


def main() -> None:
    """Print the held-out likelihood of every candidate."""
    drawn = draw_folds(12)

    def report(title: str, config: VAEConfig, moments: tuple[int, ...], start: VAE | None) -> None:
        for domain, splits in drawn.items():
            vae = VAE(replace(config, steps=max(moments)))
            scores = {}

            def look(step: int, vae: VAE = vae, domain: str = domain) -> None:
                if step in moments:
                    s = drawn[domain]
                    scores[step] = vae.log_likelihood(s.X_test, s.y_test, SAMPLES).mean()  # noqa: B023

            chosen = None
            if start is not None:
                chosen = start.select([k % NETWORKS for k in range(splits.n_draws)])
                scores[0] = chosen.log_likelihood(splits.X_test, splits.y_test, SAMPLES).mean()
            vae.fit(splits.X_train, splits.y_train, start=chosen, after_step=look)
            shown = "  ".join(f"{step}: {score:.2f}" for step, score in scores.items())
            print(f"{title:<28} {domain:<8} {shown}", flush=True)

    for latent_dim in (8, 16, 32):
        config = VAEConfig(latent_dim=latent_dim)
        report(f"scratch, {latent_dim} dimensions", config, (150, 200, 250, 300, 400), None)
    for steps in (500, 1000, 1500):
        pretrained = pretrain_vae(VAEConfig(steps=steps), embed("tweets"))
        report(f"pretrained, {steps} steps", VAEConfig(), (25, 50), pretrained)


if __name__ == "__main__":
    main()
