"""Section 8: filters, pools and convolutional networks."""

from __future__ import annotations

from typing import Any

import numpy as np
from safetensors.numpy import load_file

from mlcli.convolution.convolution import (
    convolve,
    convolve_pointwise,
    dense_as_filters,
    flatten,
    frobenius,
    output_size,
    same_padding,
    windows,
)
from mlcli.convolution.edges import difference, scharr, sobel, vertical_edge
from mlcli.convolution.pooling import pool_average, pool_max
from mlcli.datasets.pictures import edge_matrix
from mlcli.experiments.filters.layers import layer, respond
from mlcli.experiments.filters.scan import A, B, scan_of
from mlcli.experiments.filters.shifts import layer_differences, on_canvas, pointwise_example
from mlcli.experiments.filters.tables import POOLED_EXAMPLE
from mlcli.experiments.networks.architectures import image_shape_of
from mlcli.experiments.networks.member_groups import loss_of, network_of, view_of
from mlcli.neural.architecture import PRESETS, shapes
from mlcli.neural.batches import View, member_rows
from mlcli.neural.cnn import CNN, each_layer
from mlcli.neural.layer_spec import parse
from tests.notes.registry import DIGITS, Pairs, computes
from tests.notes.run_folder import RunFolder


@computes("Figure 16", "Figure 17")
def shifted_image(run: RunFolder, columns: Any, texts: Any) -> Pairs:
    still = on_canvas(run.prepared.shown[None], run.config.max_shift)[0]
    for shift, column in zip((-3, 0, 3), columns, strict=True):
        moved = np.roll(still, shift, axis=1)
        # Row of pixels after row of pixels.
        yield column, flatten(moved[None, None])[0], DIGITS
    assert len(texts)


def on_the_edge(kernel: Any) -> Any:
    """The response of a filter to (8.1)."""
    return convolve(edge_matrix()[None, None], kernel[None, None])[0, 0]


def cells(expected: Any) -> Any:
    """A recomputation of matrices that the table has entry by entry."""

    def recompute(run: RunFolder, *shown: Any) -> Pairs:
        for columns, matrix in zip(shown, expected(), strict=False):
            yield columns[0], matrix.ravel(), DIGITS
        assert len(shown[-1])

    return recompute


computes("(8.1)")(cells(lambda: [edge_matrix()]))
computes("(8.2)")(cells(lambda: [on_the_edge(difference())]))
computes("(8.9)")(cells(lambda: [on_the_edge(sobel())]))
computes("(8.11)", "(8.12)")(cells(lambda: [on_the_edge(vertical_edge())]))
computes("(8.13)")(cells(lambda: [on_the_edge(sobel()), on_the_edge(scharr())]))


@computes("Figure 18")
def edge_and_its_differences(run: RunFolder, image: Any, edge: Any) -> Pairs:
    for (title,), matrix in ((image, edge_matrix()), (edge, on_the_edge(difference()))):
        (axes,) = [one for one in run.figures["matrices"].axes if one.get_title() == title]
        said = [float(text.get_text()) for text in axes.texts]
        yield said, matrix.ravel(), DIGITS


@computes("(8.8)")
def submatrices(run: RunFolder, columns: Any, title: Any) -> Pairs:
    n, f, array = (column.astype(int) for column in columns)
    image = np.arange(36.0).reshape(1, 1, 6, 6)
    found = [windows(image, int(size), int(size)).shape[2] for size in f]
    yield array, found, 0
    yield n, np.full(n.size, 6), 0
    count = found[list(f).index(3)]
    yield title[0], f"valid, stride 1: {count} x {count}", 0


@computes("(8.4)")
def frobenius_product(
    run: RunFolder, total: float, trace: float, products: Any, title: Any
) -> Pairs:
    yield total, frobenius(A[0], B[0]), DIGITS
    yield total, sum(A[0, i, j] * B[0, i, j] for i, j in np.ndindex(2, 2)), DIGITS
    yield trace, np.trace(A[0] @ B[0].T), DIGITS
    yield products[0], (A[0] * B[0]).ravel(), DIGITS
    yield title[0], f"entry by entry, sum {frobenius(A[0], B[0]):g} (8.4)", 0


@computes("(8.5)")
def unrolled_product(run: RunFolder, shown: float, products: Any, title: Any) -> Pairs:
    yield shown, np.dot(A[1].ravel(), B[1].ravel()), DIGITS
    yield shown, frobenius(A[1], B[1]), DIGITS
    yield products[0], flatten(A[None])[0] * flatten(B[None])[0], DIGITS
    yield title[0], f"products unrolled, sum {products[0].sum():g} (8.5), (8.7)", 0


@computes("(8.7)")
def product_over_channels(run: RunFolder, shown: float, printed: Any, title: Any) -> Pairs:
    yield shown, sum(frobenius(a, b) for a, b in zip(A, B, strict=True)), DIGITS
    yield shown, np.einsum("kij,kij->", A, B), DIGITS
    said = {row[0]: row[2] for row in printed}
    yield said["channel by channel, added up (8.7)"], f"{shown:g}", 0
    assert title


@computes("(8.24)")
def unrolled_tensor(run: RunFolder, columns: Any, order: str, title: Any) -> Pairs:
    yield columns[0], flatten(A[None])[0], 0
    # The indices of the notes are row, column, channel, and the channel is the slowest.
    named = [f"{i}{j}{k}" for k in (1, 2) for i in (1, 2) for j in (1, 2)]
    yield order.split(), named, 0
    yield columns[0], [A[int(k) - 1, int(i) - 1, int(j) - 1] for i, j, k in named], 0
    assert title


@computes("Figure 20")
def scanned_matrix(run: RunFolder, products: Any, output: Any, image: Any, cell: Any) -> Pairs:
    local = windows(edge_matrix()[None, None], 3, 3)[0, 0]
    yield products[0], (local[0, 1] * vertical_edge()).ravel(), 0
    yield output[0], np.einsum("ijab,ab->ij", local, vertical_edge()).ravel(), 0
    yield output[0], scan_of(run.config, run.prepared.kernels).output.ravel(), 0
    axes = run.figures["scan"].axes
    (before,) = [one for one in axes if one.get_title() == image[0]]
    frame = before.patches[-1]
    yield (frame.get_x(), frame.get_y(), frame.get_width()), (0.5, -0.5, 3), 0
    yield cell[0], f"output (1, 2): {products[0].sum():g}", 0


@computes("(8.10)")
def channels_add_up(run: RunFolder, largest: float, title: Any) -> Pairs:
    pixels = run.prepared.picture.pixels.transpose(2, 0, 1)[None]  # (1, n_ch, n_h, n_w)
    kernel = vertical_edge()
    each = [convolve(pixels[:, [k]], kernel[None, None])[0, 0] for k in range(pixels.shape[1])]
    yield largest, np.sum(each, axis=0).max(), DIGITS
    every = np.broadcast_to(kernel, (1, pixels.shape[1], 3, 3))
    yield largest, convolve(pixels, every)[0, 0].max(), DIGITS
    assert "vertical" in title


@computes("Figure 19")
def responses(run: RunFolder, picture: Any, vertical: Any, horizontal: Any) -> Pairs:
    for (title, *_), kernel in ((vertical, vertical_edge()), (horizontal, vertical_edge().T)):
        (axes,) = [one for one in run.figures["responses"].axes if one.get_title() == title]
        found = respond(run.config, run.prepared.picture, kernel[None]).maps["grey"]
        # The table has three decimals.
        yield np.asarray(axes.images[0].get_array()), found, 6e-4
    assert "picture" in picture


@computes("(8.14)", "(8.15)", "(8.16)", "(8.17)")
def sizes(run: RunFolder, columns: Any, title: Any) -> Pairs:
    n, f, stride, zeros, array = (column.astype(int) for column in columns)
    rows = list(zip(n, f, stride, zeros, array, strict=True))
    yield array, [output_size(int(a + z), int(b), int(s)) for a, b, s, z, _ in rows], 0
    yield array, (n + zeros - f) // stride + 1, 0
    if set(zeros[f == 3]) == {2} and set(stride) == {1} and set(zeros) != {2}:  # same padding
        yield array, n, 0
        odd = f % 2 == 1
        yield zeros[odd], [2 * same_padding(int(size)) for size in f[odd]], 0
    assert len(title)


@computes("(8.18)")
def parameters(run: RunFolder, shown: int, printed: Any) -> Pairs:
    yield shown, 10 * (3 * 3 * 3 + 1), 0
    yield shown, layer(run.config, run.prepared.picture, 10, 3).n_parameters, 0
    yield int(printed[0][1]), shown, 0


def pooled(pool: Any) -> Any:
    return pool(POOLED_EXAMPLE[None, :1], 2, 2)[0, 0]


computes("(8.19)")(cells(lambda: [pooled(pool_max), pooled(pool_average)]))
computes("Figure 21")(cells(lambda: [pooled(pool_max)]))


@computes("Figure 22")
def layers(run: RunFolder, columns: Any, drawn: Any, count: Any) -> Pairs:
    names = columns[0].tolist()
    yield names[:-1], list(PRESETS["basic"]), 0
    found = shapes(parse(PRESETS["basic"]), (1, 28, 28), 10)
    yield columns[1].tolist(), [" x ".join(map(str, one.output)) for one in found], 0
    yield drawn[0], " x ".join(map(str, found[8].output)), 0
    yield count[0], f"{found[8].n_parameters:,} parameters", 0
    sides = [int(text.split(" x ")[1]) for text in columns[1] if " x " in text]
    pools = [place for place, name in enumerate(names) if name == "pool max 2"]
    for place in pools:
        assert names[place - 1].startswith("conv")
        assert names[place - 1].endswith("pad same")
        yield sides[place], sides[place - 1] // 2, 0


@computes("(8.20)", "(8.22)")
def pointwise(run: RunFolder, columns: Any, title: Any) -> Pairs:
    Z, f, _ = pointwise_example(run.config.seed)
    a = convolve_pointwise(Z, f)
    assert a.shape == (1, 3, 4, 4)
    yield columns[0], a[0, 2].ravel(), 0
    # At each pixel a dense layer along the channels.
    yield columns[0], np.einsum("p,pij->ij", f[2], Z[0]).ravel(), DIGITS
    yield title[0], "channel 3 of the output", 0


@computes("(8.21)")
def filters_as_a_matrix(run: RunFolder, columns: Any, title: Any) -> Pairs:
    yield columns[0], pointwise_example(run.config.seed)[1].ravel(), 0
    assert len(title)


@computes("Figure 23")
def network_in_a_network(run: RunFolder, first: Any, last: Any, title: Any) -> Pairs:
    Z, f, a = pointwise_example(run.config.seed)
    assert (Z.shape, f.shape, a.shape) == ((1, 4, 4, 4), (3, 4), (1, 3, 4, 4))
    yield first[0], Z[0, 0].ravel(), 0
    yield last[0], a[0, 2].ravel(), 0
    assert len(title)


@computes("(8.25)", "(8.26)", "(8.27)")
def dense_layers_as_filters(run: RunFolder, shown: float, printed: Any) -> Pairs:
    config = run.config
    found = [layer_differences(config.seed, index)[1] for index in range(config.n_seeds)]
    yield shown, max(found), 1e-12
    assert shown < 1e-12
    rng = np.random.default_rng(0)
    Z, W = rng.normal(size=(5, 2, 2, 2)), rng.normal(size=(6, 8))
    of_filters = convolve(Z, dense_as_filters(W, 2, 2, 2))[:, :, 0, 0]
    yield of_filters, flatten(Z) @ W.T, 1e-12
    yield of_filters, np.einsum("mijk,aijk->am", W.reshape(6, 2, 2, 2), Z), 1e-12
    assert len(printed)


@computes("(8.23)")
def activated_maps(run: RunFolder, columns: Any, title: Any) -> Pairs:
    net, X = trained(run)
    every = list(each_layer(net, X))
    before, after = every[2][1], every[3][1]
    assert [one.number for one, _ in every[2:4]] == [3, 4]
    z = net.activate(before, "relu", "4")
    yield after.numpy(), np.maximum(before.numpy(), 0.0), 1e-6
    yield after.numpy(), z.numpy(), 1e-6
    maps = after[0, 0].numpy()
    strongest = np.sort(np.argsort(-np.abs(maps).mean(axis=(1, 2)), kind="stable")[:8])
    shown = [
        [[float(value) for value in line.split()] for line in text.split("/")]
        for text in columns[0]
    ]
    yield shown, maps[strongest], 1e-3
    assert len(title)


def trained(run: RunFolder) -> tuple[CNN, Any]:
    """The network of the first seed with its last weights, and its first test image."""
    prepared = run.prepared
    problem, group = prepared.problem, prepared.groups[0]
    net = network_of(run.config, group)
    assert isinstance(net, CNN)
    named = net.named_arrays(net.state_dict())
    saved = load_file(run.path / "model" / "last.safetensors")
    for name, array in saved.items():
        if name.startswith("program0."):
            named[name.removeprefix("program0.")][0] = array[0]
    row = problem.splits[0].test[:1]
    units = view_of(problem, group, "test", 1).X
    image = problem.X[row].reshape(1, *image_shape_of(problem)).reshape(1, -1)
    part = member_rows(net, loss_of(problem), image, np.zeros(1), View(X=units))
    return net, part.rows(0, 1, net.n_members)[0]
