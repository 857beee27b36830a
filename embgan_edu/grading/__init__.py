"""Grading: the instructor's side of the exercises.

Nothing here holds an answer. What is right is what the instructor's solution does, in ``solutions/``
of a checkout; none of it is part of the installed package.
"""
