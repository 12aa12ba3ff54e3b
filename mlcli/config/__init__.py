"""One frozen model a command: the only home of names, defaults, ranges, units and help.

`SECTIONS` names the sections of params.yaml: that of the data, then the experiments in the order of
the notes, which is the order of `mlcli --help` and of the report. The rest follows by convention:
section ``fit_poly`` is ``FitPolyConfig`` in ``mlcli.experiments.fit_poly.config`` and the command
``fit-poly``.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlcli.config.fields import Section

SECTIONS = (
    "data",
    "kfold",
    "fit_poly",
    "bias_variance",
    "descent",
    "logistic",
    "perceptron",
    "backprop",
    "train_mlp",
    "propagate",
    "lr_find",
    "filters",
    "train_cnn",
    "bayes",
    "baseline",
)


def config_class(section: str) -> type[Section]:
    """The model of a section of params.yaml."""
    home = "mlcli.config.data" if section == "data" else f"mlcli.experiments.{section}.config"
    module = import_module(home)
    name = "".join(word.capitalize() for word in section.split("_")) + "Config"
    found: type[Section] = getattr(module, name)
    return found


def parent_of(model: type[Section], values: Mapping[str, Any] | None = None) -> str | None:
    """The section whose values a model takes where its own section has none: its `inherits`.

    Args:
        model: of a section.
        values: what is given of it; the field `inherits_by` chooses, or else its default.
    """
    found: Mapping[str, str] | None = getattr(model, "inherits", None)
    if found is None:
        return None
    name = str(getattr(model, "inherits_by", ""))
    return found.get(str((values or {}).get(name, model.model_fields[name].default)))


def inherited_keys(model: type[Section], parent: str | None) -> tuple[str, ...]:
    """The keys that a model has in common with its parent, but for its `not_inherited`."""
    if parent is None:
        return ()
    theirs, without = config_class(parent).model_fields, getattr(model, "not_inherited", ())
    return tuple(key for key in model.model_fields if key in theirs and key not in without)
