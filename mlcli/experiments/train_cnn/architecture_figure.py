"""Figure 22 of the notes for any layers: a network drawn block by block with its shapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from textwrap import wrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mlcli.neural.layer_spec import LayerSpec, parse
from mlcli.plotting import COLOURS, POINTS, Table, distinct, new_figure, where

# Layers that change no shape stand below the block that they follow.
POINTWISE = ("batch-norm", "activation", "dropout")
COLOUR_OF = {
    "image": POINTS,
    "conv": COLOURS[0],
    "pool": COLOURS[4],
    "residual": COLOURS[2],
    "scan": COLOURS[3],
    "flatten": COLOURS[5],
    "global": COLOURS[5],
    "dense": COLOURS[1],
}
COLUMNS = 5
# Inches of a block and its words, and of the title.
WIDTH, HEIGHT, TITLE = 1.72, 2.15, 0.45
# Sides of the drawing of a block, in units of its width.
LARGEST, SMALLEST, PLATE = 0.5, 0.07, 0.028
MOST_PLATES = 8
# Networks of more blocks are folded, and if need be cut.
MOST_UNFOLDED, MOST_BLOCKS, LONGEST_PERIOD = 15, 25, 6


@dataclass(frozen=True)
class Block:
    """A layer that changes the shape, with those behind it that don't.

    Attributes:
        name: the line that specifies it.
        kind: of the layer.
        shape: that it puts out, (c, h, w) or (n,).
        window: height and width of its filter on the block before; None if it has none.
        n_parameters: of all its layers.
        more: names of the layers behind it.
        above: words above it, where blocks are folded.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    window: tuple[int, int] | None = None
    n_parameters: int = 0
    more: tuple[str, ...] = ()
    above: str = field(default="", compare=False)


def architectures(table: Table) -> Figure:
    """Every architecture of a run: blocks from left to right, row below row.

    Args:
        table: the layers with their shapes and parameters, one row each.
    """
    names = distinct(table["architecture"])
    drawn = [folded(blocks_of(where(table, architecture=name))) for name in names]
    heights = [TITLE + HEIGHT * -(-len(blocks) // COLUMNS) for blocks in drawn]
    figure = new_figure(WIDTH * COLUMNS, sum(heights))
    parts = figure.subfigures(len(names), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, name, blocks in zip(parts, names, drawn, strict=True):
        rows = where(table, architecture=name)
        total = sum(map(int, rows["parameters"]))
        part.suptitle(f"{name}: {total:,} parameters in {len(rows['layer'])} layers", fontsize=11)
        _draw(part.subplots(), blocks)
    return figure


def blocks_of(rows: Table) -> list[Block]:
    """The image and the blocks of one architecture."""
    blocks = [Block("image", "image", _shape(rows["input"][0]))]
    specs = parse(rows["layer"])
    for spec, output, count in zip(specs, rows["output"], rows["parameters"], strict=True):
        if spec.kind in POINTWISE:
            last = blocks[-1]
            more, n_parameters = (*last.more, spec.line), last.n_parameters + int(count)
            blocks[-1] = replace(last, more=more, n_parameters=n_parameters)
        else:
            block = Block(spec.line, spec.kind, _shape(output), _window(spec), int(count))
            blocks.append(block)
    return blocks


def _shape(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(" x ")))


def _window(spec: LayerSpec) -> tuple[int, int] | None:
    """The filter that is drawn on the block before."""
    if spec.kind == "residual":
        return 3, 3
    return spec.size if spec.kind in ("conv", "pool") else None


def folded(blocks: Sequence[Block]) -> list[Block]:
    """Blocks of which repetitions are drawn once, and the middle of what is still long not at all.

    Networks of at most `MOST_UNFOLDED` blocks are as they were.
    """
    if len(blocks) <= MOST_UNFOLDED:
        return list(blocks)
    found: list[Block] = []
    place = 0
    while place < len(blocks):
        period, times = _repetition(blocks, place)
        part = list(blocks[place : place + period])
        if times > 1:
            what = "" if period == 1 else f"these {period}, "
            part[0] = replace(part[0], above=f"{what}{times} times")
        found += part
        place += period * times
    left_out = len(found) - MOST_BLOCKS
    if left_out > 0:
        half = MOST_BLOCKS // 2
        gap = replace(found[-half], above=f"after {left_out} more blocks")
        found = [*found[: MOST_BLOCKS - half], gap, *found[len(found) - half + 1 :]]
    return found


def _repetition(blocks: Sequence[Block], place: int) -> tuple[int, int]:
    """The shortest run of blocks from a place on that is repeated, and how often it is there."""
    for period in range(1, LONGEST_PERIOD + 1):
        first, times = list(blocks[place : place + period]), 1
        while list(blocks[place + times * period : place + (times + 1) * period]) == first:
            times += 1
        if times > 1 and len(first) == period:
            return period, times
    return 1, 1


def _draw(axes: Axes, blocks: Sequence[Block]) -> None:
    """Blocks in rows of `COLUMNS`; one unit is the width of a block with its words."""
    tall, n_rows = HEIGHT / WIDTH, -(-len(blocks) // COLUMNS)
    axes.set_xlim(0, COLUMNS)
    axes.set_ylim(-n_rows * tall, 0)
    axes.set_aspect("equal")
    axes.axis("off")
    axes.grid(False)
    sides = [max(block.shape[1:]) for block in blocks if len(block.shape) == 3]
    largest = max(sides, default=1)
    longest = max(block.shape[0] for block in blocks if len(block.shape) == 1)
    fronts: list[tuple[float, float, float, float]] = []
    for number, block in enumerate(blocks):
        row, column = divmod(number, COLUMNS)
        x, y = column + 0.45, -row * tall - 0.42
        fronts.append(_plates(axes, block, x, y, largest, longest))
        _words(axes, block, column + 0.5, -row * tall)
        if number:
            _connection(axes, block, blocks[number - 1], fronts, column > 0)


def _plates(
    axes: Axes, block: Block, x: float, y: float, largest: int, longest: int
) -> tuple[float, float, float, float]:
    """Draw the channels as plates one behind the other; left, bottom, width, height of the first.

    Sides grow with the root of the pixels, so that small maps can still be seen.
    """
    colour = COLOUR_OF[block.kind]
    if len(block.shape) == 1:
        share = math.log(1 + block.shape[0]) / math.log(1 + longest)
        width, height, n_plates = SMALLEST, LARGEST * max(share, 0.2), 1
    else:
        c, h, w = block.shape
        height, width = (max(SMALLEST, LARGEST * math.sqrt(n / largest)) for n in (h, w))
        n_plates = min(MOST_PLATES, 1 + round(math.log2(c)))
    left, bottom = x - width / 2 - n_plates * PLATE / 2, y - height / 2 - n_plates * PLATE / 2
    for place in range(n_plates - 1, -1, -1):
        corner = (left + place * PLATE, bottom + place * PLATE)
        # A white plate first, so that those behind it don't shine through.
        for face, alpha in (("#ffffff", 1.0), (colour, 0.4)):
            plate = Rectangle(
                corner, width, height, facecolor=face, edgecolor=colour, alpha=alpha, linewidth=0.8
            )
            axes.add_patch(plate)
    return left, bottom, width, height


def _words(axes: Axes, block: Block, x: float, top: float) -> None:
    """Name, shape and parameters below a block, and what follows it."""
    if block.above:
        axes.text(x, top - 0.02, block.above, ha="center", va="top", fontsize=8, color=COLOURS[1])
    count = f"{block.n_parameters:,} parameter{'s' if block.n_parameters > 1 else ''}"
    count = count if block.n_parameters else ""
    shape = " x ".join(map(str, block.shape))
    lines = [
        "\n".join(wrap(block.name, 15)),
        shape,
        count,
        "\n".join(wrap(", ".join(block.more), 19)),
    ]
    y = top - 0.8
    for line, weight, colour in zip(
        lines,
        ("bold", "normal", "normal", "normal"),
        ("black", "black", "black", POINTS),
        strict=True,
    ):
        if line:
            axes.text(x, y, line, ha="center", va="top", fontsize=8.5, weight=weight, color=colour)
            y -= 0.098 * (line.count("\n") + 1)


def _connection(
    axes: Axes,
    block: Block,
    before: Block,
    fronts: Sequence[tuple[float, float, float, float]],
    same_row: bool,
) -> None:
    """The filter on the block before with lines to the pixel that it makes, or an arrow."""
    (x0, y0, w0, h0), (x1, y1, w1, h1) = fronts[-2:]
    colour = COLOUR_OF[block.kind]
    if block.window is None or len(before.shape) != 3:
        if same_row:
            arrow = {"arrowstyle": "->", "color": POINTS}
            n_plates = (
                min(MOST_PLATES, 1 + round(math.log2(before.shape[0])))
                if len(before.shape) == 3
                else 1
            )
            start = (x0 + w0 + n_plates * PLATE + 0.03, y0 + h0 / 2)
            axes.annotate("", (x1 - 0.04, y1 + h1 / 2), start, arrowprops=arrow)
        return
    height, width = (
        side * min(1.0, f / n)
        for side, f, n in zip((h0, w0), block.window, before.shape[1:], strict=True)
    )
    left, bottom = x0 + w0 - 1.3 * width, y0 + h0 - 1.3 * height
    left, bottom = max(left, x0), max(bottom, y0)
    axes.add_patch(Rectangle((left, bottom), width, height, fill=False, edgecolor="black"))
    if same_row:
        for y in (bottom, bottom + height):
            axes.plot((left + width, x1 + w1 / 2), (y, y1 + h1 / 2), color=colour, linewidth=0.8)
