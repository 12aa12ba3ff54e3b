"""Everything that the index of the notes says is shown, computed again."""

from __future__ import annotations

from tests.notes import (  # noqa: F401
    recomputed_backpropagation,
    recomputed_classification,
    recomputed_convolution,
    recomputed_networks,
    recomputed_regression,
)
from tests.notes.registry import RECOMPUTED

__all__ = ["RECOMPUTED"]
