"""The numbers of `mlcli sweep` that have a home of their own."""

from __future__ import annotations

# More points than this are a slip of the pen.
MOST_POINTS = 10_000
# Digits that a drawn value keeps, so that it can be typed again.
DIGITS = 4
# Draws behind the estimate of how much the best of many flatters.
N_DRAWS = 20_000
EXAMPLE = "learning_rate=0.01,0.1"
