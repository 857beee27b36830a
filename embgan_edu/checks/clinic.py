"""What is measured of the answers in the broken-GAN clinic."""

from typing import Any

import numpy as np

from embgan_edu.checks.engine import Exercise, Part, Probe, entry
from embgan_edu.publish.clinic import Cloud, Run, load_runs

FAULTS = (
    "dead generator",
    "label leakage",
    "missing detach",
    "mode collapse",
    "overpowering discriminator",
)

CURES = ("detach", "faster discriminator", "one form", "slower discriminator", "steady rate")


# --- clinic-1 to clinic-5: one patient each ------------------------------------------------------


def _diagnosis(atol: float, *fault: str, evidence: str) -> tuple[Part, ...]:
    """What is asked of one patient: the fault, the evidence, a number of the recording, the cure.

    Args:
        atol: Largest difference allowed of the number.
        fault: Hints to the fault.
        evidence: Second hint to the evidence.
    """
    return (
        Part("the fault", entry("fault"), *fault, points=2, options=FAULTS),
        Part(
            "what in the recording shows it",
            entry("evidence"),
            "Test each sentence on the recording. One of the four is true for this run.",
            evidence,
            options=("a", "b", "c", "d"),
        ),
        Part(
            "the number that belongs to the fault",
            entry("number"),
            "Each fault has a number of its own in the table. Is it the fault that you found?",
            "Compute it from run.curves or run.clouds; do not read it off the picture.",
            atol=atol,
        ),
        Part(
            "what cures it",
            entry("cure"),
            "A cure acts on the cause. Which line of the program makes this fault?",
            "More training, or another seed, would cure none of the five.",
            options=CURES,
        ),
    )


PATIENT_A = _diagnosis(
    0.03,
    "The discriminator wins. But what does it look at: the rows, or something else?",
    "Compare the picture at the lower right with that of the healthy run.",
    evidence="A healthy discriminator that sees only labels is right half of the time.",
)
PATIENT_B = _diagnosis(
    19,
    "Look at the generator's lengths, and at where its rows lie at the end.",
    "A slope that is exactly zero does not come from the discriminator.",
    evidence="Print the last numbers of the curve generator_gradient, and the last cloud.",
)
PATIENT_C = _diagnosis(
    1,
    "Do not trust the losses, they look best of all. Look at the clouds.",
    "The real rows fill eight groups. How many do the fakes fill?",
    evidence="A loss near 2 log 2 says that the discriminator cannot tell, not that the rows are "
    "good.",
)
PATIENT_E = _diagnosis(
    0.06,
    "Groups are lost, but that is the consequence. Compare the generator's lengths with those of "
    "the healthy run: one line differs.",
    "Which line of the program keeps the discriminator's loss out of the generator?",
    evidence="Of the six runs, this is the only one in which that curve is not zero.",
)
PATIENT_F = _diagnosis(
    0.5,
    "Both losses are near zero. Which player has won, and which one gets next to nothing to learn "
    "from?",
    "Small is not zero: the generator could move, if it were told where to.",
    evidence="Print the standard deviation of the last cloud, and the smallest gradient.",
)


# --- clinic-6: recordings to diagnose, made without training -------------------------------------

RECORDS = 40
HEALTHY = "healthy"


def _made_up(fault: str, seed: int, winning: bool = False) -> Run:
    """A recording with the pattern of one fault, on a ring of another size than the clinic's.

    Args:
        fault: One of ``FAULTS``, or ``"healthy"``.
        seed: Of all its numbers, and of the number of groups.
        winning: Whether the discriminator wins beside: for a dead generator all the way, for a
            healthy run a little.
    """
    rng = np.random.default_rng([seed, len(fault), winning])
    groups = int(rng.choice([6, 8, 10]))
    angles = (np.arange(groups) + 0.5) * 2 * np.pi / groups
    centers = rng.uniform(1.5, 3.0) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    which = np.arange(10 * groups) % groups
    labels = (which >= groups // 2).astype(int)
    real = centers[which] + 0.1 * rng.standard_normal((len(which), 2))

    steps = np.arange(1, RECORDS + 1) * 25
    time = np.linspace(0, 1, RECORDS)
    died = time > rng.uniform(0.3, 0.6)
    won = np.exp(-12 * time)  # how far a discriminator still is from having won

    def wavy(level: Any, share: float = 0.2) -> np.ndarray:
        return np.asarray(level * np.exp(share * rng.standard_normal(RECORDS)))

    fake_probability = wavy(np.full(RECORDS, 0.47), 0.04)
    gradient, leftover = wavy(rng.uniform(0.1, 0.5)), np.zeros(RECORDS)
    label_alone, wrong_label_found = np.full(RECORDS, 0.5), np.clip(wavy(0.95, 0.05), 0, 1)
    # As real rows, at the end; first of all, every generator makes one small clump.
    ends = centers[which] + 0.15 * rng.standard_normal((len(which), 2))
    starts = rng.normal(0, 0.5, 2) + 0.05 * rng.standard_normal((len(which), 2))
    quarter = groups // 4 + 1
    if fault == "dead generator":
        gradient = np.where(died, 0.0, gradient)
        fake_probability = wavy(0.001 + won * 0.4 if winning else np.full(RECORDS, 0.25), 0.05)
        ends = np.zeros_like(ends)
    elif fault == "overpowering discriminator":
        fake_probability, gradient = wavy(0.4 * won**2 + 1e-6), wavy(0.1 * won**1.2)
        wrong_label_found = wavy(0.02, 0.5)
        ends = starts
    elif fault == "label leakage":
        fake_probability = wavy(0.4 * won + 1e-4)
        label_alone, wrong_label_found = np.clip(wavy(0.99, 0.01), 0, 1), np.zeros(RECORDS)
        ends = centers[[0, quarter]][labels] + 0.1 * rng.standard_normal(ends.shape)
    elif fault == "missing detach":
        fake_probability, leftover = wavy(np.full(RECORDS, 0.25), 0.1), wavy(0.5 * gradient)
        ends = centers[labels * groups // 2] + 0.1 * rng.standard_normal(ends.shape)
    elif fault == "mode collapse":
        places = centers[rng.permutation(groups)[:2]]
        ends = places[labels] + 0.1 * rng.standard_normal(ends.shape)
    elif winning:
        fake_probability, gradient = wavy(np.full(RECORDS, 0.2), 0.1), wavy(0.05)
    fake_probability = np.clip(fake_probability, 0, 1)
    real_probability = 1 - fake_probability
    saturating = fault == "overpowering discriminator"
    curves = {
        "discriminator_loss": -np.log(real_probability) - np.log1p(-fake_probability),
        "generator_loss": np.log1p(-fake_probability) if saturating else -np.log(fake_probability),
        "real_probability": real_probability,
        "fake_probability": fake_probability,
        "generator_gradient": gradient,
        "leftover_gradient": leftover,
        "generator_change": 0.05 * gradient,
        "wrong_label_found": wrong_label_found,
        "label_alone": label_alone,
    }
    moments = ((steps[0], starts), (steps[-10], ends), (steps[-1], ends))
    clouds = tuple(Cloud(int(step), real, fake, labels) for step, fake in moments)
    return Run("made up", steps, curves, clouds, centers)


def _of_made_up(*recordings: tuple[str, bool]) -> Probe:
    """A probe: what the answer says of some recordings that were made up."""
    return lambda diagnose, seed: [
        diagnose(_made_up(fault, seed + place, winning))
        for place, (fault, winning) in enumerate(recordings)
    ]


DOCTOR = (
    Part(
        "tells a dead generator from an overpowering discriminator",
        _of_made_up(
            ("dead generator", False),
            ("overpowering discriminator", False),
            ("dead generator", True),
        ),
        "A gradient of 1e-6 is small, a dead generator's is exactly 0. And a discriminator wins "
        "against a dead generator, too.",
        "Ask for exact zeros at the end first, for a won game afterwards.",
        points=2,
        expected=["dead generator", "overpowering discriminator", "dead generator"],
    ),
    Part(
        "tells label leakage from an overpowering discriminator",
        _of_made_up(("label leakage", False), ("overpowering discriminator", False)),
        "In both the discriminator wins. Only one of them knows by the label alone; wrong labels "
        "pass in both.",
        "By the label alone, half of the verdicts are right in a healthy run.",
        points=2,
        expected=["label leakage", "overpowering discriminator"],
    ),
    Part(
        "tells mode collapse from a missing detach",
        _of_made_up(("mode collapse", False), ("missing detach", False)),
        "Groups are lost in both. Look at the leftover gradient before you count groups.",
        "The losses do not show a collapse. Count groups in the last cloud.",
        points=2,
        expected=["mode collapse", "missing detach"],
    ),
    Part(
        "calls a healthy run healthy, however it begins",
        _of_made_up((HEALTHY, False), (HEALTHY, True), ("mode collapse", False)),
        "Every run begins with one clump. What counts is the last cloud.",
        "A discriminator may be ahead, and a gradient small, in a healthy run.",
        expected=[HEALTHY, HEALTHY, "mode collapse"],
    ),
    Part(
        "is right about the six runs of the clinic",
        lambda diagnose, seed: {name: diagnose(run) for name, run in load_runs().items()},
        "Print what your function says of each run beside your own diagnosis.",
        "Recorded curves are rough. Take a mean or a median over the last records.",
        points=2,
        like=dict.fromkeys("ABCDEF", ""),
    ),
)

EXERCISES = (
    Exercise("clinic-1", "Patient A", "diagnose", "routine", 10, PATIENT_A),
    Exercise("clinic-2", "Patient B", "diagnose", "routine", 10, PATIENT_B),
    Exercise("clinic-3", "Patient C", "diagnose", "standard", 10, PATIENT_C),
    Exercise("clinic-4", "Patient E", "diagnose", "standard", 10, PATIENT_E),
    Exercise("clinic-5", "Patient F", "diagnose", "standard", 10, PATIENT_F),
    Exercise("clinic-6", "A doctor for GANs", "write", "open", 35, DOCTOR),
)
