"""The visible checks of the exercises: ``check("ex04-1", my_function)`` in a student's notebook.

One module per chapter holds what is measured of an answer. None holds an answer: grading compares
with the instructor's own solution (:mod:`embgan_edu.grading.marking`).
"""

from embgan_edu.checks.engine import Exercise, check, exercises, find_exercise

__all__ = ["Exercise", "check", "exercises", "find_exercise"]
