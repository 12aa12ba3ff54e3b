"""Which models are cross-validated, and by which loss."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CrossValidationSpec:
    """The models: every degree under every strength.

    Attributes:
        degrees: of the basis, rising; only 1 for the linear basis.
        basis: a name of `mlcli.linear.basis`.
        intercept: whether there is a constant, which no penalty touches.
        model: linear, or logistic for classes.
        loss: squared, absolute or zero-one; the last takes the target's values as classes.
        penalty: none, l1, l2 or elastic, of (3.13).
        strengths: strongest first; one 0 without a penalty.
        standardize: whether the penalty is on the coefficients of standardised columns.
        leave_one_out: whether each split leaves out one row, for which linear smoothers have a
            formula.
    """

    degrees: tuple[int, ...]
    basis: str = "polynomial"
    intercept: bool = True
    model: str = "linear"
    loss: str = "squared"
    penalty: str = "none"
    strengths: tuple[float, ...] = (0.0,)
    standardize: bool = True
    leave_one_out: bool = False

    @property
    def l1s(self) -> list[float]:
        """The l1 of each strength."""
        return [s * (self.penalty in ("l1", "elastic")) for s in self.strengths]

    @property
    def l2s(self) -> list[float]:
        """The l2 of each strength."""
        return [s * (self.penalty in ("l2", "elastic")) for s in self.strengths]

    @property
    def shape(self) -> tuple[int, int]:
        """(n_degrees, n_strengths)."""
        return len(self.degrees), len(self.strengths)
