"""Images moved by whole pixels (section 8, Figure 16)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def shifted(images: NDArray[Any], down: int, right: int, fill: float = 0.0) -> NDArray[Any]:
    """Images (..., h, w) shifted by whole pixels; pixels from outside are `fill`."""
    h, w = images.shape[-2:]
    moved = np.full_like(images, fill)
    if abs(down) < h and abs(right) < w:
        to = (slice(max(down, 0), h + min(down, 0)), slice(max(right, 0), w + min(right, 0)))
        of = (slice(max(-down, 0), h - max(down, 0)), slice(max(-right, 0), w - max(right, 0)))
        moved[..., to[0], to[1]] = images[..., of[0], of[1]]
    return moved
