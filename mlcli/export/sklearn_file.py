"""Estimators as skops files, which hold no pickle and no clock."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np

from mlcli.export.estimators import exported
from mlcli.export.graph import Graph, Tensor
from mlcli.export.sklearn_parts import with_names
from mlcli.models.bayes import BayesModel
from mlcli.models.linear import LinearClasses, LinearNumbers
from mlcli.models.networks import Networks
from mlcli.models.prediction import Model

SCHEMA = "schema.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)
# What a file may hold besides what skops trusts by itself.
TRUSTED = (
    "mlcli.export.estimators.ExportedClassifier",
    "mlcli.export.estimators.ExportedRegressor",
)


def estimator_of(model: Model, graph: Graph, *, plain: bool = True) -> Any:
    """The model as an estimator: of scikit-learn's own parts where it has them and `plain`."""
    found = _plain(model) if plain else None
    described = model.described
    if found is None:
        found = exported(graph, described.features, described.classes)
    return with_names(found, described.features)


def _plain(model: Model) -> Any | None:
    from mlcli.export import sklearn_parts

    if isinstance(model, LinearNumbers):
        return sklearn_parts.linear_numbers(model)
    if isinstance(model, LinearClasses):
        return sklearn_parts.linear_classes(model)
    if isinstance(model, BayesModel):
        return sklearn_parts.bayes(model)
    return sklearn_parts.networks(model) if isinstance(model, Networks) else None


def is_plain(model: Any) -> bool:
    """Whether it is read without mlcli."""
    return type(model).__module__.startswith("sklearn.")


def skops_bytes(model: Any) -> bytes:
    """The file of an estimator."""
    from skops import io as skops_io

    return _same_each_time(skops_io.dumps(model))


def run_skops(
    content: bytes, rows: Tensor, classes: tuple[str, ...]
) -> tuple[dict[str, Tensor], list[str]]:
    """The outputs of the file at rows (n, ...), and the types that had to be trusted.

    Args:
        content: of the file.
        rows: of the training's columns.
        classes: names in the order of the numbers and columns that are returned.

    Raises:
        UntrustedTypesFoundException: it holds others than `TRUSTED`.
    """
    import pandas as pd
    from skops import io as skops_io

    asked = skops_io.get_untrusted_types(data=content)
    model = skops_io.loads(content, trusted=[name for name in asked if name in TRUSTED])
    X = pd.DataFrame(rows.reshape(len(rows), -1), columns=list(model.feature_names_in_))
    return (_classes(model, X, classes) if classes else _numbers(model, X)), list(asked)


def _numbers(model: Any, X: Any) -> dict[str, Tensor]:
    if hasattr(model, "predict_interval"):
        return dict(model.all_outputs(X))
    if hasattr(getattr(model, "steps", [("", None)])[-1][1], "sigma_"):
        mean, std = model.predict(X, return_std=True)
        return {"prediction": mean, "std": std}
    return {"prediction": model.predict(X)}


def _classes(model: Any, X: Any, classes: tuple[str, ...]) -> dict[str, Tensor]:
    numbers = {name: k for k, name in enumerate(classes)}
    found = {"class": np.array([numbers[name] for name in model.predict(X)])}
    if hasattr(model, "predict_proba"):
        columns = [list(model.classes_).index(name) for name in classes]
        found["probabilities"] = model.predict_proba(X)[:, columns]
    return found


def _same_each_time(content: bytes) -> bytes:
    """The archive with numbers for memory addresses, and without a clock."""
    found = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old:
        parts = {entry.filename: old.read(entry) for entry in old.infolist()}
    schema = json.loads(parts.pop(SCHEMA))
    numbers: dict[int, int] = {}
    names: dict[str, str] = {}
    _renumber(schema, numbers, names)
    renamed = {names[name]: part for name, part in parts.items()}
    renamed[SCHEMA] = json.dumps(schema).encode()
    with zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as new:
        for name in sorted(renamed):
            new.writestr(zipfile.ZipInfo(name, _EPOCH), renamed[name], zipfile.ZIP_DEFLATED)
    return found.getvalue()


def _renumber(node: Any, numbers: dict[int, int], names: dict[str, str]) -> None:
    """Objects and their files in the order in which they are met."""
    if isinstance(node, list):
        for one in node:
            _renumber(one, numbers, names)
    if not isinstance(node, dict):
        return
    if "__id__" in node:
        # Whether two equal strings are one object is up to the interpreter.
        key = node["__id__"] if node["__loader__"] != "JsonNode" else -1 - len(numbers)
        node["__id__"] = numbers.setdefault(key, len(numbers))
    if isinstance(node.get("file"), str) and "__loader__" in node:
        ending = node["file"].rpartition(".")[2]
        node["file"] = names.setdefault(node["file"], f"{len(names)}.{ending}")
    for one in node.values():
        _renumber(one, numbers, names)
