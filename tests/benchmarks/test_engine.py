"""The measure of the engine counts what a step needs, and its rival trains the same networks."""

import engine
import pytest
from compare_engines import ask, start
from engine import Way, needed_products, of_loop, of_package
from torch.utils.flop_counter import FlopCounterMode

from embgan_edu.models.gan import GANConfig
from embgan_edu.publish.chapters import checkout


@pytest.mark.parametrize(("hidden", "dim"), [(128, 50), (256, 50), (128, 384)])
@pytest.mark.parametrize("way", ["loop", "package"])
def test_the_products_of_a_step_are_those_that_torch_counts(hidden, dim, way, monkeypatch):
    monkeypatch.setenv("EMBGAN_DEVICE", "cpu")
    config = GANConfig(hidden=hidden)
    work = of_loop(config, 100, dim) if way == "loop" else of_package(config, 3, 100, dim)
    with FlopCounterMode(display=False) as counter:
        work(2)
    counted = counter.get_total_flops() / 2 / 2 / (1 if way == "loop" else 3)
    needed = needed_products(config, dim)
    # The package multiplies the single column of D's last layer by sums, which are not counted.
    # Both compute a gradient for the labels beside the rows, which nobody needs. The usual loop
    # computes the gradient of D's weights in the step of G as well.
    if way == "loop":
        needed += config.batch_size * ((dim + 2) * hidden + hidden**2 + hidden)
    assert counted == pytest.approx(needed, rel=0.05)


def test_a_turn_is_long_enough_and_counts_steps_without_the_preparation(monkeypatch):
    now = 0.0
    monkeypatch.setattr(engine.time, "perf_counter", lambda: now)

    def work(steps):
        nonlocal now
        now += 3 + 0.01 * steps

    way = Way(work)
    for _ in range(3):
        way.turn()
    assert way.steps == pytest.approx(9 / 0.01, abs=5)  # three times the preparation
    assert way.times == pytest.approx([10.0] * 3)
    assert str(way) == "10.00 (10.00 to 10.00)"


def test_a_checkout_measures_its_own_package():
    with start(checkout()) as worker:
        assert ask(worker, (2, 70, {"hidden": 8}, 20)) > 0
        assert worker.stdin
        worker.stdin.close()
    assert worker.returncode == 0
