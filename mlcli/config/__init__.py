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
    "propagate",
    "train_mlp",
    "lr_find",
    "filters",
    "train_cnn",
)


def config_class(section: str) -> type[Section]:
    """The model of a section of params.yaml."""
    module = import_module(f"mlcli.config.{section}")
    name = "".join(word.capitalize() for word in section.split("_")) + "Config"
    found: type[Section] = getattr(module, name)
    return found


def parent_of(model: type[Section]) -> str | None:
    """The section whose values a model takes where its own section has none: its `inherits`."""
    found: str | None = getattr(model, "inherits", None)
    return found


def inherited_keys(model: type[Section]) -> tuple[str, ...]:
    """The keys that a model has in common with its parent, but for its `not_inherited`."""
    parent = parent_of(model)
    if parent is None:
        return ()
    theirs, without = config_class(parent).model_fields, getattr(model, "not_inherited", ())
    return tuple(key for key in model.model_fields if key in theirs and key not in without)
