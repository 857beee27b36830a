"""Answers in the broken-GAN clinic: plausible misdiagnoses, and other doctors."""

import numpy as np
from bank import right, wrong

FAULT = "the fault"
EVIDENCE = "what in the recording shows it"
NUMBER = "the number that belongs to the fault"
CURE = "what cures it"

DEAD = "tells a dead generator from an overpowering discriminator"
LEAK = "tells label leakage from an overpowering discriminator"
COLLAPSE = "tells mode collapse from a missing detach"
HEALTHY = "calls a healthy run healthy, however it begins"
SIX = "is right about the six runs of the clinic"


def answer(fault, evidence, number, cure):
    return {"fault": fault, "evidence": evidence, "number": number, "cure": cure}


A = ("label leakage", "c", 1, "one form")
B = ("dead generator", "a", 420, "steady rate")
C = ("mode collapse", "d", 3, "faster discriminator")
E = ("missing detach", "b", 0.54, "detach")
F = ("overpowering discriminator", "c", 4.5, "slower discriminator")

for number, diagnosis in enumerate((A, B, C, E, F), start=1):
    right(f"clinic-{number}", name="read off by eye")(answer(*diagnosis))
right("clinic-3", name="two clumps counted by eye")(answer(*C[:2], 2, C[3]))

wrong("clinic-1", FAULT, "without looking at a row", name="it wins, so it is too strong")(
    answer("overpowering discriminator", *A[1:])
)
wrong("clinic-1", CURE, "at any pace", name="slow the winner down")(
    answer(*A[:3], "slower discriminator")
)
wrong("clinic-2", FAULT, "still moves", name="one point, so it has collapsed")(
    answer("mode collapse", *B[1:])
)
wrong("clinic-2", NUMBER, "comes back once", name="the first zero")(answer(*B[:2], 360, B[3]))
wrong("clinic-3", EVIDENCE, "The clouds do not", name="the losses look fine")(
    answer(C[0], "a", *C[2:])
)
wrong("clinic-3", FAULT, "leftover gradient is zero", name="lost groups by a leak")(
    answer("missing detach", *C[1:])
)
wrong("clinic-4", FAULT, "the consequence here", name="lost groups, so it has collapsed")(
    answer("mode collapse", *E[1:])
)
wrong("clinic-4", NUMBER, "the other way round", name="own over leftover")(
    answer(*E[:2], 1.84, E[3])
)
wrong("clinic-5", FAULT, "neither is zero", name="small is zero")(answer("dead generator", *F[1:]))
wrong("clinic-5", CURE, "far ahead already", name="strengthen the winner")(
    answer(*F[:3], "faster discriminator")
)


def groups_in_use(run, moment=-1):
    fake = run.clouds[moment].fake
    home = [min(range(len(run.centers)), key=lambda g: sum((row - run.centers[g]) ** 2))
            for row in fake]  # fmt: skip
    return sum(home.count(group) >= 0.05 * len(fake) for group in set(home))


def doctor(run, dead=0.0, order="DLMO", moment=-1, groups=groups_in_use):
    c = run.curves
    signs = {
        "D": ("dead generator", max(c["generator_gradient"][-3:]) <= dead),
        "L": ("label leakage", c["label_alone"][-4:].mean() > 0.9),
        "M": ("missing detach", c["leftover_gradient"].max() > 1e-6),
        "O": (
            "overpowering discriminator",
            c["fake_probability"][-1] < 0.05 and c["generator_gradient"][-1] < 0.005,
        ),
        "C": ("mode collapse", groups(run, moment) <= len(run.centers) / 2),
    }
    for letter in order + "C":
        name, found = signs[letter]
        if found:
            return name
    return "healthy"


right("clinic-6", name="loops, and other thresholds")(doctor)


@right("clinic-6")
def looks_at_where_rows_lie(run):
    last, first = run.clouds[-1], {k: v[-1] for k, v in run.curves.items()}
    if np.ptp(last.fake, axis=0).max() == 0:
        return "dead generator"
    if not np.isclose(first["label_alone"], 0.5, atol=0.2):
        return "label leakage"
    if np.count_nonzero(run.curves["leftover_gradient"]) > len(run.steps) / 2:
        return "missing detach"
    if np.log10(first["generator_gradient"]) < -3.5:
        return "overpowering discriminator"
    # A group that is served has a fake row near its center's direction.
    angles = [np.arctan2(*rows.T[::-1]) for rows in (run.centers, last.fake)]
    apart = np.abs(np.angle(np.exp(1j * (angles[0][:, None] - angles[1]))))
    served = (apart == apart.min(axis=0)).mean(axis=1) >= 0.03
    return "healthy" if 2 * served.sum() > len(served) else "mode collapse"


@wrong("clinic-6", [DEAD, LEAK, SIX], "exactly 0")
def a_small_gradient_is_dead(run):
    return doctor(run, dead=1e-3)


@wrong("clinic-6", DEAD, "wins against a dead generator, too")
def a_won_game_first(run):
    return doctor(run, order="ODLM")


@wrong("clinic-6", [DEAD, LEAK, SIX], "does not show a leak")
def wrong_labels_that_pass(run):
    if run.curves["generator_gradient"][-1] > 0 and run.curves["wrong_label_found"][-1] < 0.2:
        return "label leakage"
    return doctor(run)


@wrong("clinic-6", [COLLAPSE, SIX], "before you count")
def lost_groups_first(run):
    return doctor(run, order="DLOCM")


@wrong("clinic-6", [COLLAPSE, HEALTHY, SIX], "do not rule out a collapse")
def near_two_log_two_is_healthy(run):
    found = doctor(run)
    end = run.curves["fake_probability"][-8:].mean()
    return "healthy" if found == "mode collapse" and end > 0.3 else found


@wrong("clinic-6", [HEALTHY, SIX], "begins with one clump")
def the_first_cloud(run):
    return doctor(run, moment=0)
