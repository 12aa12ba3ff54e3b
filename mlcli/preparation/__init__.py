"""Declared preprocessing: categories, dates and gaps become columns of numbers.

The whole file decides which columns there are (`columns`). Training rows alone decide what replaces
a gap or a category that they lack (`filling`). Both are stored as JSON.
"""
