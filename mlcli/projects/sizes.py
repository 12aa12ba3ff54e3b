"""Rows, features and classes -> degrees, sizes of layers, minibatches: rules of thumb, all here.

They are where to start, and each is a line of params.yaml to be changed.
"""

from __future__ import annotations

from math import comb, log2

# A coefficient wants about so many rows.
ROWS_A_COLUMN = 10
HIGHEST_DEGREE = 9
MOST_COLUMNS = 200
# A weight wants about so many rows; fewer are made up for by early stopping and penalties.
ROWS_A_WEIGHT = 0.5
SMALLEST_LAYER, LARGEST_LAYER = 8, 256
SMALLEST_BATCH, LARGEST_BATCH = 8, 128
BATCHES_AN_EPOCH = 20
STEPS = 2000
FEWEST_EPOCHS, MOST_EPOCHS = 10, 200
MOST_FOLDS = 10
TRAINING_SHARE = 0.72
TWO_LAYERS = 1000


def highest_degree(n_rows: int, n_features: int) -> int:
    """The highest degree whose polynomial has few enough coefficients, and 1 at least."""
    most = min(MOST_COLUMNS, n_rows / ROWS_A_COLUMN)
    fitting = [d for d in range(1, HIGHEST_DEGREE + 1) if comb(n_features + d, d) <= most]
    return max(fitting, default=1)


def n_folds(n_rows: int) -> int:
    """Ten, or fewer where a fold would have no two rows."""
    return max(2, min(MOST_FOLDS, n_rows // 2))


def hidden(n_rows: int, n_features: int, n_outputs: int) -> str:
    """Sizes of the hidden layers, powers of two: the first and, of many rows, half of it."""
    n_weights = n_rows / ROWS_A_WEIGHT
    width = n_weights / (n_features + n_outputs + 1)
    first = min(LARGEST_LAYER, max(SMALLEST_LAYER, _power_of_two(width)))
    return f"{first}-{first // 2}" if n_rows >= TWO_LAYERS else str(first)


def batch_size(n_rows: int) -> int:
    """A power of two with about twenty minibatches an epoch; never more than the training rows."""
    n_train = max(1, int(TRAINING_SHARE * n_rows))
    wanted = min(LARGEST_BATCH, max(SMALLEST_BATCH, _power_of_two(n_train / BATCHES_AN_EPOCH)))
    return min(wanted, n_train)


def n_epochs(n_rows: int) -> int:
    """As many epochs as make about two thousand steps."""
    steps = max(1.0, TRAINING_SHARE * n_rows / batch_size(n_rows))
    return min(MOST_EPOCHS, max(FEWEST_EPOCHS, round(STEPS / steps)))


def _power_of_two(x: float) -> int:
    return int(2 ** int(log2(x))) if x >= 1 else 1
