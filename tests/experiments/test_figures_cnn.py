"""The figures of `train-cnn` that draw its network and its receptive fields."""

from __future__ import annotations

import numpy as np
import pytest
from figure_reading import across, committed, lines, rectangles, same, texts, ticks

from mlcli.experiments.train_cnn.architecture_figure import architectures, blocks_of, folded
from mlcli.neural.architecture import shapes
from mlcli.neural.layer_spec import parse
from mlcli.plotting import styled


def grid(text: str) -> np.ndarray:
    return np.array([[float(cell) for cell in line.split()] for line in text.split("/")])


def test_train_cnn_draws_its_network_with_shapes_and_parameters() -> None:
    run = committed("train_cnn")
    (axes,) = run.axes("architecture")
    table = run.table("summary")
    (name,) = table.architecture.unique()
    (part,) = run.figures["architecture"].subfigs
    total = f"{table.parameters.sum():,} parameters in {len(table)} layers"
    assert part.get_suptitle() == f"{name}: {total}"
    expected = ["image", table.input[0]]
    pointwise = ("batch-norm", "relu", "dropout")
    for at, row in table.iterrows():
        if row.layer.startswith(pointwise):
            continue
        after = []
        for _, other in table[at + 1 :].iterrows():
            if not other.layer.startswith(pointwise):
                break
            after.append(other)
        count = row.parameters + sum(other.parameters for other in after)
        expected += [row.layer, row.output]
        expected += [f"{count:,} parameters"] if count else []
        expected += [", ".join(other.layer for other in after)] if after else []
    # Arrows are annotations without words.
    words = [text for text in axes.texts if text.get_text()]
    assert [text.get_text().replace("\n", " ") for text in words] == expected
    # No word stands on another block's.
    run.figures["architecture"].draw_without_rendering()
    boxes = [(text.get_window_extent(), text.get_position()[0]) for text in words]
    for k, (box, x) in enumerate(boxes):
        assert not any(box.overlaps(other) for other, y in boxes[:k] if x != y), words[k]


def test_train_cnn_shows_receptive_fields_by_recursion_and_by_gradients() -> None:
    run = committed("train_cnn")
    picture, sides, *panels = run.axes("receptive_fields")
    fields, maps = run.table("receptive_fields"), run.table("field_maps")
    image, chosen = grid(maps.pixels[0]), maps[1:]
    np.testing.assert_array_equal(picture.images[0].get_array(), image)
    every = []
    for axes, (_, row) in zip(panels, chosen.iterrows(), strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), grid(row.pixels))
        assert axes.get_title() == f"{row.number}: {row.layer}"
        field = fields[fields.number == row.number].iloc[0]
        both = [
            tuple(field[f"{prefix}{key}"] for key in ("left", "top", "width", "height"))
            for prefix in ("", "measured_")
        ]
        same(rectangles(axes), both)
        every += both
    same(rectangles(picture), every)
    wide = fields[fields.kind.isin(["conv", "pool", "residual", "scan", "global", "dense"])]
    places = np.arange(len(wide))
    larger = {
        prefix: wide[[f"{prefix}height", f"{prefix}width"]].max(axis=1)
        for prefix in ("theory_", "measured_")
    }
    widths = [bar.get_width() for bar in sides.patches]
    assert widths == larger["theory_"].tolist()
    same(
        lines(sides),
        [
            ("gradients", larger["measured_"], places),
            ("half of the gradient", wide.half_side, places),
        ],
    )
    assert across(sides) == [("x", max(image.shape))]
    assert ticks(sides.yaxis) == [
        (k, f"{row.number}: {row.layer}") for k, (_, row) in enumerate(wide.iterrows())
    ]
    assert sides.get_xlabel() == "larger side of the field, pixels"


def summary_of(
    layers: list[str], shape: tuple[int, int, int] = (3, 64, 48)
) -> dict[str, list[str]]:
    """The table of the layers of a network, as the figures read it."""
    rows = [
        (
            "own",
            one.name,
            *(" x ".join(map(str, s)) for s in (one.input, one.output)),
            str(one.n_parameters),
        )
        for one in shapes(parse(layers), shape, 4)
    ]
    names = ("architecture", "layer", "input", "output", "parameters")
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


@pytest.mark.parametrize(
    ("layers", "n_blocks", "above"),
    [
        (["conv 8 3x3 pad same", "relu"] * 3, 6, []),
        # One layer is folded, though its first has other inputs; then a pair.
        (["conv 8 3x3 pad same", "relu"] * 40, 5, ["39 times"]),
        (
            ["conv 8 3x3 pad same", *["conv 9 1x1", "conv 8 3x3 pad same"] * 10, "flatten"],
            6,
            ["these 2, 10 times"],
        ),
        ([f"conv {k + 1} 1x1" for k in range(60)], 25, ["after 38 more blocks"]),
    ],
)
def test_a_deep_network_is_folded_until_it_can_be_read(
    layers: list[str], n_blocks: int, above: list[str]
) -> None:
    table = summary_of(layers)
    blocks = folded(blocks_of(table))
    assert len(blocks) == n_blocks
    assert [block.above for block in blocks if block.above] == above
    assert blocks[0].name == "image"
    assert blocks[-1].name in ("global avg", "dense 4")
    with styled():
        figure = architectures(table)
    assert figure.get_size_inches()[1] < 12
    said = [text for text, *_ in texts(figure.axes[0])]
    assert set(above) <= set(said)
