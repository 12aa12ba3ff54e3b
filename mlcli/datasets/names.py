"""Names of the data sets, for who has no time to load the registry; a test holds them equal."""

from __future__ import annotations

NAMES = (
    "noisy-cubic", "sine", "two-planes", "two-moons", "spirals", "imbalance", "diabetes",
    "breast-cancer", "iris", "wine", "digits", "fashion-mini", "fashion-mnist", "mnist",
)  # fmt: skip
