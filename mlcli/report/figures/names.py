"""The figures of each command, and what each shows in the notes. Light: no matplotlib."""

from __future__ import annotations

FIGURES: dict[str, tuple[str, ...]] = {
    "fit_poly": (
        "data",
        "fits",
        "coefficients",
        "regularized_fits",
        "regularized_coefficients",
        "path",
    ),
}
