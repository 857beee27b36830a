"""Synthetic sentences: templates, word networks, and what their texts are like."""
