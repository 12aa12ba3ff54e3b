"""Floats as exact integers times powers of two, and back with one rounding."""

from __future__ import annotations

from math import inf, isqrt, ldexp


def split(value: float) -> tuple[int, int]:
    """Integers (m, e) with value = m 2^e exactly, m odd or 0."""
    numerator, denominator = value.as_integer_ratio()
    if numerator == 0:
        return 0, 0
    # as_integer_ratio is in lowest terms, so at most one of the two has factors of two.
    twos = (numerator & -numerator).bit_length() - 1
    return numerator >> twos, twos - (denominator.bit_length() - 1)


def shifted(value: int, power: int) -> int:
    """value 2^power, rounded down to an integer."""
    return value << power if power >= 0 else value >> -power


def ratio_to_float(numerator: int, denominator: int, power: int = 0) -> float:
    """The float nearest to numerator / denominator 2^power; beyond the range, infinity."""
    if power >= 0:
        numerator <<= power
    else:
        denominator <<= -power
    try:
        # Python divides integers of any size with a single, correct rounding.
        return numerator / denominator
    except OverflowError:
        return inf if (numerator > 0) == (denominator > 0) else -inf


def root_to_float(numerator: int, denominator: int, power: int = 0) -> float:
    """The float nearest to sqrt(numerator / denominator 2^power), for a ratio >= 0."""
    if numerator == 0:
        return 0.0
    # Enough even bits that the integer root has 70 or more: 53 to keep and some to round by.
    lift = max(0, 140 - numerator.bit_length() + denominator.bit_length())
    lift += (lift - power) % 2
    quotient, rest = divmod(numerator << lift, denominator)
    root = isqrt(quotient)
    # The sticky bit says that something non-zero follows, so that a tie is not mistaken for one.
    sticky = int(rest != 0 or root * root != quotient)
    try:
        return _scaled(2 * root + sticky, (power - lift) // 2 - 1)
    except OverflowError:
        return inf


def _scaled(value: int, power: int) -> float:
    """value 2^power for power of either sign, rounded once."""
    return ratio_to_float(value, 1, power) if power >= 0 else value / (1 << -power)


def integer_to_float(value: int, power: int) -> float:
    """value 2^power to within an ulp, fast for long integers; beyond the range, infinity."""
    length = value.bit_length()
    cut = max(0, length - 100)
    try:
        return ldexp(float(value >> cut), power + cut)
    except OverflowError:
        return inf if value > 0 else -inf


def integer_root_to_float(value: int, power: int) -> float:
    """sqrt(value 2^power) to within an ulp, fast for long integers, value >= 0."""
    cut = value.bit_length() - 200
    cut += (cut + power) % 2
    try:
        return ldexp(float(isqrt(shifted(value, -cut))), (power + cut) // 2)
    except OverflowError:
        return inf
