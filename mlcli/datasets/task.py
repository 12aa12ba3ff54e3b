"""Whether a target is a number or the number of a class, judged by its values."""

from __future__ import annotations

import numpy as np

from mlcli.datasets.dataset import Array, Task

MAX_CLASSES = 1000
# Fewer rows a class than this, on average, are measurements rather than classes.
ROWS_A_CLASS = 5


def is_whole(values: Array) -> bool:
    """Whether every value is a whole number."""
    return bool((values == np.round(values)).all())


def few_enough(n_values: int, n_rows: int) -> bool:
    """Whether so many different values in so many rows can be classes."""
    return n_values <= max(2, min(MAX_CLASSES, n_rows // ROWS_A_CLASS))


def task_by_values(t: Array) -> Task:
    """Classes if the values are few whole numbers, else a regression."""
    values = np.unique(t)
    classes = is_whole(values) and few_enough(values.size, t.size) and values.size > 1
    return "classification" if classes else "regression"
