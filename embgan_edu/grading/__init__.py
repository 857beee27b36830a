"""Grading: the instructor's side of the exercises.

Nothing here holds an answer. What is right is what the instructor's solution does. It lies in
``solutions/`` of a checkout, and is no part of the installed package.
"""
