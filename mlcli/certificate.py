"""How good an iterative answer is: a number computed from the answer, not from how a loop ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlcli.errors import NoAnswerError

# Of seeds that a warning names one by one.
MOST_NAMED = 5


@dataclass(frozen=True)
class Certificate:
    """A distance from the optimum, and the largest one at which an answer counts as converged.

    Attributes:
        quantity: what is measured, such as "largest KKT violation" or "relative duality gap".
        value: the distance at the answer, 0 at an exact optimum; NaN certifies nothing.
        tolerance: converged means value <= tolerance.
    """

    quantity: str
    value: float
    tolerance: float

    @property
    def converged(self) -> bool:
        """Whether the answer is certified."""
        return self.value <= self.tolerance

    @property
    def ratio(self) -> float:
        """value / tolerance, infinite where the value is not a number."""
        if self.value != self.value:
            return float("inf")
        return self.value / self.tolerance if self.tolerance else float(self.value > 0) * 1e308

    def __str__(self) -> str:
        return f"{self.quantity} {self.value:.2g}, tolerance {self.tolerance:.2g}"


def worst_of(*certificates: Certificate | None) -> Certificate | None:
    """The one that is farthest above its tolerance; None where there is none."""
    there = [one for one in certificates if one is not None]
    return max(there, key=lambda one: one.ratio) if there else None


def by_solve(
    found: Mapping[str, Sequence[Certificate | None]],
) -> dict[str, list[Certificate]]:
    """The certificates of a result: solves that have none, being in closed form, are left out."""
    kept = {solve: [one for one in each if one is not None] for solve, each in found.items()}
    return {solve: each for solve, each in kept.items() if each}


def require(certificate: Certificate | None, solve: str, hint: str | None = None) -> None:
    """Raise where a solve is not certified, unless it needs no certificate.

    Raises:
        NoAnswerError: naming the solve and its number.
    """
    if certificate is not None:
        refuse_uncertified({solve: [certificate]}, hint)


def summarise(certificates: Mapping[str, Sequence[Certificate]]) -> dict[str, dict[str, Any]]:
    """The worst certificate of each solve over its seeds, and how many seeds are certified.

    Args:
        certificates: solve -> one certificate per seed.

    Returns:
        solve -> ``quantity, largest, tolerance, n, n_certified``.
    """
    found = {}
    for solve, each in certificates.items():
        worst = max(each, key=lambda one: one.ratio)
        found[solve] = {
            "quantity": worst.quantity,
            "largest": worst.value,
            "tolerance": worst.tolerance,
            "n": len(each),
            "n_certified": sum(one.converged for one in each),
        }
    return found


def refuse_uncertified(
    certificates: Mapping[str, Sequence[Certificate]], hint: str | None = None
) -> list[str]:
    """Raise where no seed of a solve is certified; warn of single seeds that are not.

    Args:
        certificates: solve -> one certificate per seed, in the order of the seeds.
        hint: what to try where a solve has no certified answer.

    Returns:
        One sentence per solve of which some seeds are not certified.

    Raises:
        NoAnswerError: no seed of a solve is certified.
    """
    for solve, each in certificates.items():
        if any(one.converged for one in each):
            continue
        worst = max(each, key=lambda one: one.ratio)
        of_all = "" if len(each) == 1 else f" for any of {len(each)} seeds"
        raise NoAnswerError(
            f"{solve} did not converge{of_all}: its {worst.quantity}",
            must=f"at most {worst.tolerance:.2g}",
            got=f"{worst.value:.2g}",
            hint=hint,
        )
    return warnings_of(certificates)


def warnings_of(certificates: Mapping[str, Sequence[Certificate]]) -> list[str]:
    """One sentence per solve of which some seeds are not certified, with the worst of them."""
    found = []
    for solve, each in certificates.items():
        wrong = [index for index, one in enumerate(each) if not one.converged]
        if not wrong:
            continue
        worst = max(each, key=lambda one: one.ratio)
        named = ", ".join(map(str, wrong[:MOST_NAMED])) + (", ..." if wrong[MOST_NAMED:] else "")
        found.append(
            f"{solve} did not converge for {len(wrong)} of {len(each)} seeds "
            f"(seed index {named}): {worst}"
        )
    return found
