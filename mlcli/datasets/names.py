"""Names of the data sets, without loading the registry; a test keeps them equal to it."""

from __future__ import annotations

NAMES = (
    "noisy-cubic",
    "sine",
    "two-planes",
    "two-moons",
    "spirals",
    "imbalance",
    "diabetes",
    "breast-cancer",
    "iris",
    "wine",
    "digits",
    "fashion-mini",
    "fashion-mnist",
    "mnist",
)


def canonical(name: str) -> str:
    """The registry's spelling of a name: ``breast_cancer`` is ``breast-cancer``."""
    return name.strip().lower().replace("_", "-")


def is_named(text: str) -> bool:
    """Whether a text names a data set of the registry."""
    return canonical(text) in NAMES
