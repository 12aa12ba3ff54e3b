"""Data of the user -> the commands that suit them, with parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from mlcli.datasets.columns import YEARLY_SPAN
from mlcli.datasets.describe_columns import SAME_UNITS
from mlcli.errors import DataError
from mlcli.projects import sizes

# A column with a larger share of missing values would mostly be what fills them.
MOST_MISSING = 0.5
# Categories of a column: each wants so many rows on average, and there should not be too many.
ROWS_A_CATEGORY = 10
MOST_CATEGORIES = 50
MOST_SEEDS = 16
DAYS_A_YEAR = 365.2425
NUMBERS = ("number", "whole number")
FEWEST_ROWS = 10
# Coefficients, as a share of the rows, up to which least squares needs no penalty.
MOST_COLUMNS = 0.6
SYNTHETIC = "noisy-cubic"
Sections = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Proposal:
    """What a new project starts with.

    Attributes:
        task: regression or classification, for the README.
        sections: of params.yaml, each of which is a stage too.
        reasons: what was decided, and from what.
        left_out: column -> why it is not a feature.
        by_values: whether the target is numbers that were taken for classes.
        source: section `data` of params.yaml, which all of them share.
    """

    task: str
    sections: Sections
    reasons: Mapping[str, str]
    left_out: Mapping[str, str]
    by_values: bool = False
    source: Mapping[str, Any] = field(default_factory=dict)


def for_table(
    found: Mapping[str, Any], data: str, file: Path, draw_column: str | None = None
) -> Proposal:
    """What suits a table.

    Args:
        found: as `datasets.describe.describe_table` gives it.
        data: what params.yaml calls it.
        file: the table, for messages.
        draw_column: the column that numbers independent data sets in it, if there is one.

    Raises:
        DataError: it has no target, no features, or too few rows.
    """
    target = found["target"]
    if target is None:
        names = ", ".join(one["name"] for one in found["columns"][:12])
        raise DataError(
            f"{file} has no column named t, y or target", hint=f"--target with one of: {names}"
        )
    column = next(one for one in found["columns"] if one["name"] == target["name"])
    if target["task"] is None or column["n_distinct"] < 2:
        raise DataError(
            f"column '{target['name']}' of {file}",
            must="numbers or a few classes to predict",
            got=f"{column['type']} with {column['n_distinct']} different values",
            hint="another --target",
        )
    left_out = _left_out(found, column, draw_column)
    others = [one for one in found["columns"] if one is not column]
    features = [one for one in others if one["name"] not in left_out]
    if not features:
        why = "; ".join(f"'{name}' {words}" for name, words in list(left_out.items())[:3])
        raise DataError(f"{file} has no column to predict '{column['name']}' from ({why})")
    # Gaps in features are filled; at least so many rows are whole but for those.
    lost = column["n_missing"] + sum(one.get("n_infinite", 0) for one in [*features, column])
    n_draws = 1
    if draw_column is not None:
        n_draws = next(c["n_distinct"] for c in found["columns"] if c["name"] == draw_column)
    n_rows = int(found["n_rows"] * max(0, 1 - lost / found["n_sampled"]) / n_draws)
    if n_rows < FEWEST_ROWS:
        raise DataError(
            f"the rows of {file} without missing values",
            must=f"at least {FEWEST_ROWS}",
            got=str(n_rows),
        )
    source: dict[str, Any] = {"data": data, "target": column["name"]}
    source |= {"features": [one["name"] for one in features], "drop_missing": lost > 0}
    source |= _declared(features)
    if draw_column is not None:
        source["draw_column"] = draw_column
    n_features = sum(map(_n_columns, features))
    if target["task"] == "regression":
        sections = regression(n_rows, n_features)
    else:
        sections = _classification(n_rows, n_features, len(target["classes"]))
    if draw_column is not None:
        for values in sections.values():
            values["n_seeds"] = min(values.get("n_seeds", MOST_SEEDS), n_draws)
    by_values = target["task"] == "classification" and column["type"] in NUMBERS
    reasons = _reasons(found, features)
    return Proposal(target["task"], sections, reasons, left_out, by_values, source)


def _declared(features: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Parameters that turn text and dates into numbers and fill gaps."""
    words = [one["name"] for one in features if one["type"] == "text"]
    dates = [one["name"] for one in features if one["type"] == "date"]
    found: dict[str, Any] = {"categorical": words} if words else {}
    if dates:
        found["dates"] = dates
    if any(one["n_missing"] for one in features if one["type"] != "text"):
        found["impute"] = "median"
    # A rare category may occur in test rows only.
    return found | ({"unseen": "average"} if words else {})


def _n_columns(feature: Mapping[str, Any]) -> int:
    """About how many columns a feature becomes."""
    if feature["type"] == "date":
        first, last = (date.fromisoformat(feature[end][:10]) for end in ("min", "max"))
        return 3 if (last - first).days >= YEARLY_SPAN * DAYS_A_YEAR else 1
    if feature["type"] == "text":
        return int(feature["n_distinct"]) - 1 + int(feature["n_missing"] > 0)
    return 1


def _left_out(
    found: Mapping[str, Any], target: Mapping[str, Any], draw_column: str | None
) -> dict[str, str]:
    """The columns that are not features, and why."""
    leaks = {one["name"]: one["how"] for one in found["target"].get("leaks", ())}
    copies = {
        name: f"holds the same values as '{names[0]}'"
        for names in found["duplicate_columns"]
        for name in names[1:]
    }
    for pair in found["correlations"]["largest"]:
        # The first of each pair stays, unless it is a copy itself.
        if abs(pair["r"]) > SAME_UNITS and pair["a"] not in copies:
            copies.setdefault(pair["b"], f"is '{pair['a']}' in other units")
    why: dict[str, str] = {}
    for one in found["columns"]:
        name = one["name"]
        most = max(2, min(MOST_CATEGORIES, found["n_sampled"] // ROWS_A_CATEGORY))
        if name == target["name"]:
            continue
        if name == draw_column:
            why[name] = "numbers independent data sets"
        elif one["type"] not in (*NUMBERS, "text", "date"):
            why[name] = "has no values" if one["type"] == "empty" else "is constant"
        elif "readings" in one:
            why[name] = (
                f"has dates with two readings, as {one['readings']['text']!r}; "
                f"dates: [{name}:dmy] or [{name}:mdy] says which"
            )
        elif one["type"] == "text" and one["n_distinct"] > most:
            why[name] = f"is text with {one['n_distinct']} different values"
        elif name in leaks or name in copies:
            why[name] = leaks.get(name) or copies[name]
        elif one["n_missing"] > MOST_MISSING * found["n_sampled"]:
            why[name] = f"has {one['n_missing']} missing values"
        elif f"'{name}' counts the rows" in found["warnings"]:
            why[name] = "counts the rows"
    return why


def _reasons(found: Mapping[str, Any], features: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    target = found["target"]
    classes = target["classes"]
    task = f"{target['task']} of '{target['name']}'"
    if classes:
        task += f", {len(classes)} classes"
    names = ", ".join(one["name"] for one in features[:12])
    more = f" and {len(features) - 12} more" if len(features) > 12 else ""
    return {"task": task, "rows": str(found["n_rows"]), "features": names + more}


def regression(n_rows: int, n_features: int) -> Sections:
    """Sections for a target that is a number: polynomials, their choice, Bayes, networks."""
    highest = sizes.highest_degree(n_rows, n_features)
    degrees = list(range(1, highest + 1))
    # More coefficients than rows have no least squares solution of their own.
    wide = n_features + 1 > MOST_COLUMNS * n_rows
    penalty: dict[str, Any] = {"penalty": "l2"} if wide else {}
    return {
        "fit_poly": {**penalty, "degrees": degrees, "compare_solver": "none", "seed": 0},
        "kfold": {**penalty, "degrees": degrees, "n_folds": sizes.n_folds(n_rows), "seed": 0},
        "bayes": {"degree": min(highest, 3), "degrees": degrees, "seed": 0},
        "train_mlp": _network(n_rows, n_features, 1) | {"task": "regression"},
    }


def _classification(n_rows: int, n_features: int, n_classes: int) -> Sections:
    return {
        "logistic": {"penalty": "l2", "l2": 0.001, "seed": 0},
        "train_mlp": _network(n_rows, n_features, n_classes) | {"task": "classification"},
    }


def _network(n_rows: int, n_features: int, n_outputs: int) -> dict[str, Any]:
    return {
        "hidden": sizes.hidden(n_rows, n_features, n_outputs),
        "batch_size": sizes.batch_size(n_rows),
        "n_epochs": sizes.n_epochs(n_rows),
        # One rate of adam serves data of any shape, and no outlier's gradient throws it off.
        "optimiser": "adam",
        "clip_norm": 1.0,
        "keep_weights": "first",
        "seed": 0,
        "n_seeds": 8,
    }


def for_images(
    found: Mapping[str, Any], data: str, resize: str | None, target: str | None
) -> Proposal:
    """What suits images by class.

    Args:
        found: as `datasets.describe.describe_images` gives it.
        data: what params.yaml calls them.
        resize: the height and width that they are brought to, if they are.
        target: the array of the labels in an NPZ file, if it was named.
    """
    n_rows, n_classes = found["n_rows"], len(found["classes"])
    source = {"data": data, "resize": resize, "target": target}
    source = {key: value for key, value in source.items() if value is not None}
    section = {
        "architecture": "basic",
        "batch_size": sizes.batch_size(n_rows),
        "n_epochs": min(15, sizes.n_epochs(n_rows)),
        "max_shift": min(6, min(found["image_shape"][-2:]) // 4),
        "keep_weights": "first",
        "seed": 0,
        "n_seeds": 5,
    }
    size = " x ".join(map(str, found["image_shape"]))
    reasons = {"task": f"classification of images, {n_classes} classes", "images": str(n_rows)}
    reasons["size"] = size + (", brought to that" if resize else "")
    task = "classification of images"
    return Proposal(task, {"train_cnn": section}, reasons, {}, source=source)


def for_nothing(n_rows: int) -> Proposal:
    """A project without data: a synthetic set that is drawn anew for each seed."""
    sections = regression(n_rows, 1)
    reasons = {"task": f"regression of the synthetic set {SYNTHETIC}", "rows": str(n_rows)}
    return Proposal("regression", sections, reasons, {}, source={"data": SYNTHETIC})
