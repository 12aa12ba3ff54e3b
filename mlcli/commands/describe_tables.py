"""What `mlcli data describe` shows: one row a column, then pairs, classes and warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlcli.result import Display

SHOWN_COLUMNS = 100
SHOWN_CLASSES = 20


def displays(found: Mapping[str, Any], outlier_z: float) -> list[Display]:
    """The tables of a described file.

    Args:
        found: as `datasets.describe.describe_table` gives it.
        outlier_z: the limit of the robust z beyond which values were counted as outliers.
    """
    shown = [_columns(found, outlier_z)]
    target = found["target"]
    if target is not None and target["classes"]:
        shown.append(_classes(target))
    if target is not None and target.get("correlations"):
        kind = "correlation ratio" if target["classes"] else "r"
        rows = [[one["name"], f"{one['r']:.4f}"] for one in target["correlations"]]
        shown.append(Display(f"largest with '{target['name']}'", ["feature", kind], rows))
    if found["correlations"]["largest"]:
        rows = [[p["a"], p["b"], f"{p['r']:.4f}"] for p in found["correlations"]["largest"]]
        shown.append(Display("largest among features", ["feature", "feature", "r"], rows))
    return [*shown, _warnings(found)]


def image_displays(found: Mapping[str, Any]) -> list[Display]:
    """The tables of described images."""
    size = " x ".join(map(str, found["image_shape"]))
    rows = [[key, f"{found[key]:.6g}"] for key in ("min", "mean", "max")]
    title = f"{found['file']}: {found['n_rows']} images of {size}"
    head = Display(title, ["pixels", "value"], rows)
    return [head, _classes({"name": "class"} | dict(found)), _warnings(found)]


def _warnings(found: Mapping[str, Any]) -> Display:
    rows = [[line] for line in found["warnings"]] or [["none"]]
    return Display("warnings", ["what"], rows)


def _columns(found: Mapping[str, Any], outlier_z: float) -> Display:
    columns = found["columns"]
    title = f"{found['file']}: {found['n_rows']} rows, {len(columns)} columns"
    if found["n_sampled"] < found["n_rows"]:
        title += f"; counts are of a random sample of {found['n_sampled']} rows"
    headings = ["column", "type", "missing", "distinct", "min", "median", "max", "outliers"]
    headings += ["most frequent", "as a feature"]
    rows = [_row(one) for one in columns[:SHOWN_COLUMNS]]
    remark = f"Outliers: robust z, 0.6745 |x - median| / MAD, above {outlier_z:g}."
    if len(columns) > SHOWN_COLUMNS:
        remark += f" The first {SHOWN_COLUMNS} columns; --json has all {len(columns)}."
    return Display(title, headings, rows, remark)


def _row(one: Mapping[str, Any]) -> list[str]:
    frequent: Sequence[Any] = one.get("most_frequent") or ()
    # Values that all come once say nothing by their order.
    says = bool(frequent) and (frequent[0]["n"] > 1 or one["n_distinct"] == 1)
    most = f"{frequent[0]['value']} ({frequent[0]['n']})" if says else ""
    outliers = one.get("n_outliers")
    return [
        one["name"],
        one["type"],
        str(one["n_missing"]),
        str(one["n_distinct"]),
        *(_number(one.get(key)) for key in ("min", "median", "max")),
        "-" if outliers is None else str(outliers),
        most,
        " ".join(one["declare"]),
    ]


def _number(value: Any) -> str:
    return "-" if value is None else value if isinstance(value, str) else f"{value:.6g}"


def _classes(target: Mapping[str, Any]) -> Display:
    classes = target["classes"]
    rows = [
        [one["value"], str(one["n"]), f"{one['share']:.1%}", "rare" if one["rare"] else ""]
        for one in classes[:SHOWN_CLASSES]
    ]
    remark = ""
    if len(classes) > SHOWN_CLASSES:
        remark = f"The first {SHOWN_CLASSES} of {len(classes)} classes; --json has all."
    return Display(f"classes of '{target['name']}'", ["class", "rows", "share", ""], rows, remark)
