"""Gradient descent and the learning-rate range test in NumPy (sections 4 and 7 of the notes)."""
