"""Is the synthetic data any good? Metrics, evaluation, paired intervals, attacks."""
