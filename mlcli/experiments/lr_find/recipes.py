"""The trainings that `lr-find` compares: a schedule of section 7.4 and its largest rate."""

from __future__ import annotations

from collections.abc import Mapping

ONE_CYCLE = "one_cycle"
# Each way to train: schedule, largest rate in units of eta_max, and label in figures. The schedules
# have their defaults: s is half of the training in (7.25) and (7.26), and c = 1; (7.27) has a tenth
# of the rate from its half on and a hundredth from three quarters on.
RECIPES: Mapping[str, tuple[str, float, str]] = {
    ONE_CYCLE: ("one-cycle", 1.0, "one cycle up to eta_max"),
    "fixed_eta_max": ("constant", 1.0, "fixed at eta_max"),
    "fixed_eta_max_100th": ("constant", 0.01, "fixed at eta_max / 100"),
    "fixed_eta_crit": ("constant", 10.0, "fixed at eta_crit"),
    "power": ("power", 1.0, "power (7.25)"),
    "exponential": ("exponential", 1.0, "exponential (7.26)"),
    "piecewise": ("piecewise", 1.0, "piecewise (7.27)"),
    "n_cycle": ("n-cycle", 1.0, "three cycles"),
}
# Those that differ in the rate, and those that differ in the schedule alone.
OF_RATES = (ONE_CYCLE, *(name for name, one in RECIPES.items() if one[0] == "constant"))
OF_SCHEDULES = tuple(name for name, one in RECIPES.items() if one[1] == 1.0)


def labels_of(names: tuple[str, ...]) -> tuple[str, ...]:
    """What figures call these trainings."""
    return tuple(RECIPES[name][2] for name in names)
