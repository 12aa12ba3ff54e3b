"""How many columns are fitted, and what to try where a basis has more."""

from __future__ import annotations

from mlcli.linear.basis import count_columns

# The most columns of least squares and penalised fits.
MAX_COLUMNS = 5000
# Degrees that are tried for a hint; any basis that grows with the degree is too large before.
HIGHEST = 1000


def smaller_basis(
    kind: str, n_features: int, intercept: bool, most: int, flags: tuple[str, ...]
) -> str:
    """Flags with which the basis has at most so many columns.

    Args:
        kind: of the basis.
        n_features: D.
        intercept: whether it has a constant.
        most: the most columns that can be fitted.
        flags: those that set a degree, as ``--degrees``.
    """
    fits = [
        degree
        for degree in range(1, HIGHEST)
        if count_columns(kind, n_features, degree, intercept) <= most
    ]
    if not fits:
        lowest = " ".join(f"{flag} 1" for flag in flags)
        return f"{lowest} --features with at most {most - int(intercept)} columns"
    return " ".join(f"{flag} {fits[-1]}" for flag in flags)
