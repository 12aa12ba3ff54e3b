"""Threshold logical units (section 6.1 of the notes): one idea a module."""
