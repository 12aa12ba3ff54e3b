"""The tables that `filters` shows on the console, made from details.json alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlcli.experiments.wording import interval, number
from mlcli.result import Display

EQUATIONS = {"difference": "(8.2)", "vertical": "(8.12), corrected"}
REPRESENTATIONS = (
    "pixels",
    "filtered",
    "max_pooled",
    "average_pooled",
    "largest_response",
)


def display(metrics: Mapping[str, Any]) -> list[Display]:
    """The notes' matrix, the picture, parameters, pooling, and the shifted images."""
    return [
        _matrix(metrics["matrix"]),
        _filters(metrics),
        _layers(metrics),
        _pooling(metrics),
        _shifts(metrics),
    ]


def _matrix(found: Mapping[str, Any]) -> Display:
    rows = []
    for name in sorted(found, key=lambda key: (key not in EQUATIONS, key)):
        lines = {
            int(k.removeprefix("row_")): v for k, v in found[name].items() if k.startswith("row_")
        }
        texts = [lines[i] for i in sorted(lines)]
        # The image is the same in every row, and with it what the filters make of it.
        alike = len(set(texts)) == 1
        shown = f"{len(texts)} rows of {texts[0]}" if alike else "; ".join(texts)
        equal = found[name].get("equals_notes")
        rows.append(
            [
                name,
                EQUATIONS.get(name, ""),
                shown,
                "" if equal is None else "yes" if equal else "no",
            ]
        )
    headings = ["filter", "equation", "filtered matrix (8.1)", "as in the notes"]
    return Display("the notes' 6 x 6 matrix", headings, rows)


def _filters(metrics: Mapping[str, Any]) -> Display:
    rows = []
    for name, one in metrics["filters"].items():
        formula = "yes" if one["shape_equals_formula"] else "no"
        sizes = [number(one[key]) for key in ("mean_size", "smallest", "largest")]
        rows.append([name, one["kernel"], _shape(one), formula, str(one["n_parameters"]), *sizes])
    picture = metrics["picture"]
    size = f"{picture['height']} x {picture['width']} x {picture['channels']}"
    title = (
        f"filters on {picture['name']}, {size}, stride {metrics['stride']}, "
        f"padding {metrics['padding']}"
    )
    headings = [
        "filter",
        "kernel",
        "output",
        "by formula",
        "parameters",
        "mean size",
        "smallest",
        "largest",
    ]
    k = picture["reduced_by"]
    remark = f"Each pixel is the mean of {k} x {k} of the original." if k > 1 else ""
    return Display(title, headings, rows, remark)


def _shape(one: Mapping[str, Any]) -> str:
    return f"{one['output_height']} x {one['output_width']} x {one['output_channels']}"


def _layers(metrics: Mapping[str, Any]) -> Display:
    notes, asked = metrics["layer"]["notes"], metrics["layer"]["asked"]
    dense, shapes = metrics["dense"], metrics["shapes"]
    rows = [
        ["parameters of 10 filters of 3 x 3 x 3 (8.18)", str(notes["n_parameters"])],
        ["parameters of the layer asked for", f"{asked['n_parameters']:,}"],
        ["its output on the picture", _shape(asked)],
        ["numbers in, numbers out", f"{asked['numbers_in']:,}, {asked['numbers_out']:,}"],
        ["parameters of a dense layer instead", f"{asked['n_parameters_dense']:,}"],
        ["shapes as by formula", f"{shapes['n_agree']} of {shapes['n_cases']}"],
        ["1 x 1 filters against a dense layer", number(dense["largest_difference_1_by_1"])],
        [
            "filters as large as the image against one",
            number(dense["largest_difference_as_large_as_image"]),
        ],
    ]
    return Display("layers of filters", ["quantity", "value"], rows)


def _pooling(metrics: Mapping[str, Any]) -> Display:
    rows = []
    for name in ("max", "average", "depth"):
        one = metrics["pooling"][name]
        rows.append(
            [name, _shape(one), f"{100 * one['numbers_kept']:.3g} %", number(one["variance_kept"])]
        )
    turned = metrics["turned_edge"]
    remark = (
        "Smallest over largest response to an edge that is turned round: "
        f"{number(turned['one_filter'])} of one filter, {number(turned['depth_pooled'])} of the "
        "largest of four."
    )
    headings = ["pooling", "output", "numbers kept", "variance kept"]
    return Display(f"pooling on {metrics['picture']['name']}", headings, rows, remark)


def _shifts(metrics: Mapping[str, Any]) -> Display:
    found, rows = metrics["shifts"], []
    n_shifts = sum(key.startswith("shift_") for key in found)
    for name in REPRESENTATIONS:
        for d in range(n_shifts):
            one = found[f"shift_{d}"][name]
            rows.append(
                [
                    name.replace("_", " ") if d == 0 else "",
                    str(d),
                    *interval(one["similarity"]),
                    number(one["others"]["mean"]),
                    *interval(one["same_class"]),
                ]
            )
    headings = [
        "unrolled",
        "shift",
        "cosine with itself",
        "95 % interval",
        "with others",
        "nearest of its class",
        "95 % interval",
    ]
    last = found[f"shift_{n_shifts - 1}"]["bright_pixels_kept"]["mean"]
    remark = f"After the last shift {100 * last:.0f} % of the bright pixels are still bright."
    return Display(f"shifted {metrics['data_name']}", headings, rows, remark)
