"""Declared preprocessing: categories, dates and gaps become columns of numbers, arrays to arrays.

Which columns there are is settled once, by what the whole file holds (`columns`). What stands in
for a gap or for a category that was not seen is settled by training rows alone (`filling`). Both
are written as words and numbers, so that reading them back runs nothing.
"""
