"""The losses of section 2 that cross-validation can use, by name."""

from __future__ import annotations

from collections.abc import Callable

from mlcli.linear.arrays import Floats
from mlcli.scores import absolute, squared, zero_one

Loss = Callable[[Floats, Floats], Floats]

LOSSES: dict[str, Loss] = {"squared": squared, "absolute": absolute, "zero-one": zero_one}
