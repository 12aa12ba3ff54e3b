"""The tables that `filters` shows on the console, made from details.json alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlcli.experiments.wording import interval, number
from mlcli.result import Display

EQUATIONS = {"difference": "(8.2)", "vertical": "(8.12), corrected"}
# Share of the variance above which a larger pool is worth a look.
MUCH_KEPT = 0.8
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
        _scan(metrics["scan"]),
        _products(metrics["inner_products"]),
        _filters(metrics),
        _layers(metrics),
        _pooling(metrics),
        _equivariance(metrics["equivariance"]),
        _shifts(metrics),
    ]


def next_command(metrics: Mapping[str, Any]) -> str:
    """A stride where there was none; a pool that forgets more; else a filter of one's own."""
    if metrics["stride"] == 1:
        return "filters --stride 2 --padding same"
    kept = metrics["pooling"]["max"]["variance_kept"]
    if kept is not None and kept > MUCH_KEPT:
        return "filters --pool-size 4"
    return 'filters --kernel "0,1,0;1,-4,1;0,1,0"'


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
    return Display("the notes' 6 x 6 matrix", headings, rows, _of_matrices(found))


def _of_matrices(found: Mapping[str, Any]) -> str:
    """How many matrices are as printed, and which filter answers most to the edge."""
    checked = [one["equals_notes"] for one in found.values() if "equals_notes" in one]
    largest = {
        name: max(abs(float(v)) for k, row in one.items() if k[:4] == "row_" for v in row.split())
        for name, one in found.items()
    }
    most = max(largest.values())
    names = [name for name, value in largest.items() if value == most]
    return (
        f"{sum(checked)} of {len(checked)} matrices are as in the notes. To the edge "
        f"{_listed(names)} most, with {number(most)}."
    )


def _listed(names: Sequence[str]) -> str:
    """``sobel answers``, or ``sobel and scharr answer``."""
    if len(names) == 1:
        return f"{names[0]} answers"
    return f"{', '.join(names[:-1])} and {names[-1]} answer"


def _scan(found: Mapping[str, Any]) -> Display:
    """Figure 20 in numbers."""
    places = [one for key, one in sorted(found.items()) if key.startswith("place_")]
    rows = [
        [f"{one['row']}, {one['column']}", one["products"], number(one["sum"])] for one in places
    ]
    strongest = max(places, key=lambda one: abs(one["sum"]))
    n = found["output_height"] * found["output_width"]
    remark = (
        f"{n} places, one for each pixel of the output. At row {strongest['row']}, column "
        f"{strongest['column']} the products add up to {number(strongest['sum'])}."
    )
    title = f"filter {found['filter']} scans the matrix, stride {found['stride']}"
    return Display(title, ["place", "pixels times weights", "sum"], rows, remark)


def _products(found: Mapping[str, Any]) -> Display:
    """(8.4), (8.5), (8.7) and (8.24) in numbers."""
    rows, alike = [], 0
    channels = [one for key, one in sorted(found.items()) if key.startswith("channel_")]
    for k, one in enumerate(channels, start=1):
        for key, words in (
            ("sum_of_products", "products entry by entry, added up (8.4)"),
            ("trace", "trace of A B^T (8.4)"),
            ("unrolled", "unrolled, row times column (8.5)"),
        ):
            rows.append([words, f"channel {k}", number(one[key])])
        alike += len({one["sum_of_products"], one["trace"], one["unrolled"]}) == 1
    rows += [
        ["channel by channel, added up (8.7)", "both", number(found["over_channels"])],
        ["unrolled, row times column (8.24)", "both", number(found["tensor_unrolled"])],
        ["A unrolled (8.24)", "both", found["unrolled_tensor"]],
        ["indices: row, column, channel", "both", found["order"]],
    ]
    equal = found["over_channels"] == found["tensor_unrolled"]
    remark = (
        f"In {alike} of {len(channels)} channels the three agree. The channels add up to "
        f"{number(found['over_channels'])}, the unrolled tensors {'too' if equal else 'do not'}."
    )
    return Display(
        "inner products of two tensors of 2 x 2 x 2", ["by", "of", "value"], rows, remark
    )


def _equivariance(found: Mapping[str, Any]) -> Display:
    """What a shift changes that no shift of the output undoes."""
    rows = []
    exact: list[float] = []
    other: list[tuple[float, str, int]] = []
    for _, one in sorted(found.items()):
        shifts = sorted((int(key[6:]), value) for key, value in one.items() if key[:6] == "shift_")
        for d, value in shifts:
            change = value["change"]
            theory = "0" if value["is_exact"] else "more"
            first = one["name"] if d == shifts[0][0] else ""
            rows.append([first, str(d), theory, *interval(change)])
            if value["is_exact"]:
                exact.append(change["mean"])
            else:
                other.append((change["mean"], one["name"], d))
    remark = (
        f"Where a shift of the image is one of the output, the largest difference is "
        f"{number(max(exact, default=0.0))} of its norm"
    )
    if other:
        most, name, d = max(other)
        pixels = "pixel" if d == 1 else "pixels"
        remark += f"; elsewhere it is up to {number(most)}, {name}, at {d} {pixels}"
    headings = ["operation", "shift", "theory", "change", "95 % interval"]
    return Display("what no shift of the output undoes", headings, rows, f"{remark}.")


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
    every = metrics["filters"]
    most = max(one["mean_size"] for one in every.values())
    names = [name for name, one in every.items() if one["mean_size"] == most]
    remark = f"On average {_listed(names)} most, with {number(most)}."
    if k > 1:
        remark += f" Each pixel is the mean of {k} x {k} of the original."
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
    ratio = asked["n_parameters_dense"] / asked["n_parameters"]
    remark = (
        f"A dense layer with the same inputs and outputs has {ratio:,.0f} times the parameters; "
        f"{shapes['n_agree']} of {shapes['n_cases']} shapes are as by formula."
    )
    return Display("layers of filters", ["quantity", "value"], rows, remark)


def _pooling(metrics: Mapping[str, Any]) -> Display:
    rows = []
    for name in ("max", "average", "depth"):
        one = metrics["pooling"][name]
        rows.append(
            [name, _shape(one), f"{100 * one['numbers_kept']:.3g} %", number(one["variance_kept"])]
        )
    turned = metrics["turned_edge"]
    kept = [metrics["pooling"][name]["variance_kept"] for name in ("max", "average")]
    remark = "The picture is constant and has no variance to keep. "
    if None not in kept:
        higher = "Average" if kept[1] > kept[0] else "Max"
        remark = f"{higher} pooling keeps more of the variance. "
        if kept[0] == kept[1]:
            remark = f"Both pools keep {number(kept[0])} of the variance. "
    remark += (
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
    one = found["shift_1"]
    pixels, pooled = (one[name]["similarity"]["mean"] for name in ("pixels", "max_pooled"))
    remark = (
        f"A shift by one pixel leaves a cosine of {number(pixels)} with the image itself, and of "
        f"{number(pooled)} after max pooling. After the last shift {100 * last:.0f} % of the "
        "bright pixels are still bright."
    )
    return Display(f"shifted {metrics['data_name']}", headings, rows, remark)
