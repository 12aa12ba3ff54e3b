"""Gradient descent (section 4 of the notes): one idea a module."""
