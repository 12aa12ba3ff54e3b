"""One frozen model a command: the only home of names, defaults, ranges, units and help.

`SECTIONS` names the sections of params.yaml. The rest follows by convention: section ``fit_poly``
is ``FitPolyConfig`` in ``mlcli.config.fit_poly`` and the command ``fit-poly``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlcli.config.fields import Section

SECTIONS = (
    "data",
    "fit_poly",
    "kfold",
    "bias_variance",
    "bayes",
    "descent",
    "logistic",
    "perceptron",
    "train_mlp",
)


def config_class(section: str) -> type[Section]:
    """The model of a section of params.yaml."""
    module = import_module(f"mlcli.config.{section}")
    name = "".join(word.capitalize() for word in section.split("_")) + "Config"
    found: type[Section] = getattr(module, name)
    return found
