"""Sections 6.2 to 7.4: what flows through networks, how they start, and their learning rates."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
from safetensors.numpy import load_file
from scipy.stats import t

from mlcli.backpropagation.activations import elu, identity, leaky_relu, relu
from mlcli.backpropagation.backpropagation import backward, forward
from mlcli.backpropagation.initialisation import draw_weights, variance
from mlcli.backpropagation.layers import DenseLayer, new_batch_norm, normalise
from mlcli.classification.softmax import softmax
from mlcli.experiments.networks.member_groups import loss_of, network_of, view_of
from mlcli.experiments.propagate.draws import N_DRAWS, SIZES
from mlcli.experiments.propagate.measurements import measure_signals, measure_signs
from mlcli.experiments.train_mlp.numpy_engine import as_network
from mlcli.neural import schedules
from mlcli.neural.batches import member_rows
from mlcli.neural.device import DTYPES
from mlcli.neural.initialisation import draw_weights as draw_initial
from mlcli.neural.initialisation import weight_variance
from mlcli.neural.mean_field import activation_curve, moments, variances
from mlcli.neural.mlp import MLP
from mlcli.optimisation.range_test import suggest
from mlcli.rng import stream
from tests.notes.registry import DIGITS, Pairs, computes, drawn, points_of
from tests.notes.run_folder import RunFolder

# Tables of `propagate` have five decimals.
DECIMALS = 2e-5
# Sums in float32.
SINGLE = 1e-4


# Section 6.2: a training.


@computes("Figure 10")
def drawn_network(run: RunFolder, texts: Any) -> Pairs:
    model = json.loads((run.path / "model" / "model.json").read_text("utf-8"))
    sizes = model["programs"][0]["sizes"]
    arrays = load_file(run.path / "model" / "last.safetensors")
    every = [
        f"$W^{{({layer})}}$: {n_out} × {n_in}"
        for layer, (n_in, n_out) in enumerate(pairwise(sizes), start=1)
    ]
    assert len(every) == run.config.hidden[0].count("-") + 2
    yield texts[0] in every, True, 0
    layer = 1 + every.index(texts[0])
    yield arrays[f"program0.W{layer}"].shape[1:], sizes[layer - 1 : layer + 1], 0
    # As wide as what trains, by torch and by NumPy.
    net = network_of(run.config, run.prepared.groups[0])
    named = net.named_arrays(net.state_dict())
    yield named[f"W{layer}"].shape[1:], sizes[layer - 1 : layer + 1], 0
    network, X = as_network(named, "relu", 0), np.ones((1, sizes[0]), dtype=np.float32)
    caches = forward(network, X)[1]
    a = caches[layer - 1].z_in @ network[layer - 1].W.T + network[layer - 1].b
    yield caches[layer - 1].z, np.maximum(a, 0.0), SINGLE


def outputs_at_start(run: RunFolder) -> dict[tuple[str, int], list[Any]]:
    """Preactivations and outputs of each hidden layer before training, by variant and layer.

    They are of every seed, on the rows that the run looked at, by the NumPy network.
    """
    problem, found = run.prepared.problem, {}
    for group in run.prepared.groups:
        net = network_of(run.config, group)
        named = net.named_arrays(net.state_dict())
        part = member_rows(
            net, loss_of(problem), problem.X, problem.t, view_of(problem, group, "train", 256)
        )
        rows = part.rows(0, part.n_rows, net.n_members)[0].numpy()
        for m, member in enumerate(group.members):
            network = as_network(named, member.variant.values["activation"], m)
            caches = forward(network, rows[m])[1]
            for place, (layer, seen) in enumerate(zip(network, caches, strict=True), start=1):
                pair = seen.z_in @ layer.W.T + layer.b, seen.z
                found.setdefault((member.variant.label, place), []).append(pair)
    return found


def layer_statistics(layer: int, which: int) -> Any:
    def recompute(run: RunFolder, columns: Any, *_: Any) -> Pairs:
        variant, epoch, mean, std = columns
        for name in dict.fromkeys(variant.tolist()):
            every = [one[which] for one in outputs_at_start(run)[name, layer]]
            here = (variant == name) & (epoch == 0)
            yield mean[here], [np.mean([one.mean() for one in every])], SINGLE
            yield std[here], [np.mean([one.std() for one in every])], SINGLE

    return recompute


computes("(6.12)")(layer_statistics(1, 0))
computes("(6.13)")(layer_statistics(1, 1))
computes("(6.14)")(layer_statistics(2, 0))


@computes("(6.15)")
def outputs_of_wrong_rows(run: RunFolder, columns: Any) -> Pairs:
    model = json.loads((run.path / "model" / "model.json").read_text("utf-8"))
    arrays = load_file(run.path / "model" / f"{model['judged']}.safetensors")
    named = {name.removeprefix("program0."): array for name, array in arrays.items()}
    best = model["variants"][model["best_variant"]]["variant"]
    members = model["programs"][0]["members"]
    (m,) = [
        place
        for place, one in enumerate(members)
        if one["variant"] == best and one["seed_index"] == 0
    ]
    row, confidence, probability = columns
    data = run.prepared.source.replicate(0, run.config.seed)
    rows = row.astype(int)
    X = (data.X[rows] - np.array(members[m]["input_shift"])) / members[m]["input_scale"]
    network = as_network(named, members[m]["activation"], m)
    A, caches = forward(network, X)
    P = softmax(A)
    yield confidence, P.max(axis=1), SINGLE
    yield probability, P[np.arange(row.size), data.t[rows].astype(int)], SINGLE
    # Logistic regression on what the last hidden layer gives.
    last = network[-1]
    yield confidence, softmax(caches[-1].z_in @ last.W.T + last.b).max(axis=1), SINGLE


@computes("(6.16)")
def plane_of_two_inputs(run: RunFolder, units: Any, grid: Any, label: Any) -> Pairs:
    unit, w1, w2, b, to_1, to_2 = units
    x1, x2, probability = grid
    X, first = np.column_stack([x1, x2]), int(np.flatnonzero(unit == 0)[0])
    hidden = np.arange(unit.size) != first
    outgoing = np.column_stack([to_1, to_2])
    network = (
        DenseLayer(np.column_stack([w1, w2])[hidden], b[hidden], relu()),
        DenseLayer(outgoing[hidden].T, outgoing[first], identity()),
    )
    # Three decimals of a network in float32.
    yield probability, softmax(forward(network, X)[0]).max(axis=1), 1e-3
    phi = np.maximum(w1[hidden] * x1[:, None] + w2[hidden] * x2[:, None] + b[hidden], 0.0)
    log_odds = phi @ (outgoing[hidden, 1] - outgoing[hidden, 0]) + outgoing[first] @ [-1, 1]
    yield probability, 1 / (1 + np.exp(-np.abs(log_odds))), 1e-3
    assert label


# Sections 6.3 and 7.1: signals and errors through deep networks.


def propagated(run: RunFolder, activation: str, init: str) -> tuple[Any, Any]:
    """log10 of the mean squares of each a^(l) and delta^(l), (L,): means over the seeds."""
    config, depth = run.config, min(run.config.depths)
    width, n_seeds = config.width, config.n_seeds
    net = MLP(
        [width] * (depth + 2),
        [stream(config.seed, "weights", index) for index in range(n_seeds)],
        activation=activation,
        scheme=init,
        dtype=DTYPES["float64"],
    )
    named = net.named_arrays(net.state_dict())
    signals, errors = [], []
    for index in range(n_seeds):
        X, delta = (
            stream(config.seed, name, index).standard_normal((config.n_rows, width))
            for name in ("rows", "errors")
        )
        network = as_network(named, activation, index)
        caches = forward(network, X)[1]
        every = zip(network[:-1], caches, strict=False)
        signals.append([((seen.z_in @ one.W.T + one.b) ** 2).mean() for one, seen in every])
        gradients = backward(network, caches, delta)[:-1]
        errors.append([(one.delta**2).mean() for one in gradients])
    return np.log10(signals).mean(axis=0), np.log10(errors).mean(axis=0)


@computes("(7.1)")
def errors_of_torch(run: RunFolder, columns: Any, lines: Any) -> Pairs:
    config = run.config.model_copy(update={"activations": ("tanh",), "depths": (10,)})
    found = measure_signals(config, "xavier", "none")["tanh", 10]
    yield columns[1], np.log10(found.backward).mean(axis=1), DECIMALS
    yield from errors_backward(run, columns, lines)


@computes("(7.2)")
def errors_backward(run: RunFolder, columns: Any, lines: Any) -> Pairs:
    yield columns[1], propagated(run, "tanh", "xavier")[1], DECIMALS
    assert len(lines)


@computes("(7.3)")
def linear_network(run: RunFolder, columns: Any, lines: Any) -> Pairs:
    config, depth = run.config, min(run.config.depths)
    net = MLP(
        [config.width] * (depth + 2),
        [stream(config.seed, "weights", index) for index in range(config.n_seeds)],
        activation="linear",
        scheme="xavier",
        dtype=DTYPES["float64"],
    )
    named, found = net.named_arrays(net.state_dict()), []
    for index in range(config.n_seeds):
        X = stream(config.seed, "rows", index).standard_normal((config.n_rows, config.width))
        weights = [named[f"W{layer}"][index].T for layer in range(1, depth + 1)]
        network = tuple(DenseLayer(W, np.zeros(len(W)), identity()) for W in weights)
        caches, z = forward(network, X)[1], X
        for seen, W in zip(caches, weights, strict=True):
            z = z @ W.T
            yield seen.z, z, DIGITS
        found.append([(seen.z**2).mean() for seen in caches])
    yield columns[1], np.log10(found).mean(axis=0), DECIMALS
    yield drawn(lines, *columns), True, 0


def theory(run: RunFolder, activation: str, init: str) -> Any:
    return variances(activation, init, [run.config.width] * (min(run.config.depths) + 2))


def layers_over_draws(run: RunFolder, init: str) -> tuple[list[Any], list[Any]]:
    """z^(l) and delta^(l) of the linear network of `propagate` for each draw, (draws, n) each."""
    x, delta = (
        stream(run.config.seed, f"draws {name}").standard_normal(n)
        for name, n in (("input", SIZES[0]), ("errors", SIZES[-1]))
    )
    x, delta = (values / np.sqrt((values**2).mean()) for values in (x, delta))
    signals, errors = [], []
    for index in range(N_DRAWS):
        rng = stream(run.config.seed, "draws", index)
        weights = [draw_initial(rng, init, pair, *pair, 1.0) for pair in pairwise(SIZES)]
        network = tuple(DenseLayer(W.T, np.zeros(W.shape[1]), identity()) for W in weights)
        caches = forward(network, x[None])[1]
        signals.append([seen.z[0] for seen in caches[:-1]])
        errors.append([one.delta[0] for one in backward(network, caches, delta[None])[:-1]])
    return tuple([np.stack(one) for one in zip(*every, strict=True)] for every in (signals, errors))


@computes("(7.4)")
def mean_of_an_activation(run: RunFolder, columns: Any, lines: Any) -> Pairs:
    layer, mean, low, high = columns
    z, _ = layers_over_draws(run, "xavier")
    yield mean, np.array([one.mean() for one in z]), DIGITS
    spread = [one.mean(axis=1).std(ddof=1) / np.sqrt(N_DRAWS) for one in z]
    yield (high - low) / 2, t.ppf(0.975, N_DRAWS - 1) * np.array(spread), 1e-6
    yield layer, np.arange(1, layer.size + 1), 0
    assert (np.abs(mean) < 4 * np.array(spread)).all()
    assert len(lines)


@computes("(7.11)")
def errors_of_a_linear_network(run: RunFolder, columns: Any, lines: Any) -> Pairs:
    layer, variance_, theory_ = columns
    yield layer, np.arange(1, layer.size + 1), 0
    _, delta = layers_over_draws(run, "xavier")
    yield variance_, np.array([one.var(axis=0, ddof=1).mean() for one in delta]), DIGITS
    # n^(l+1) Var(w^(l+1)), from the output to the first layer.
    factors = [2 * n_out / (n_in + n_out) for n_in, n_out in list(pairwise(SIZES))[:0:-1]]
    yield theory_, np.cumprod(factors)[::-1], DIGITS
    yield variance_, theory_, 0.06
    assert len(lines)


@computes("(7.12)")
def errors_of_the_last_hidden_layer(run: RunFolder, columns: Any, lines: Any) -> Pairs:
    terms, variance_, low, high = columns
    _, delta = layers_over_draws(run, "lecun")
    yield variance_, delta[-1].var(axis=0, ddof=1).mean(), DIGITS
    yield terms, SIZES[-1], 0
    # K terms of variance 1 / n^(L), and not n^(K) of them.
    assert low < SIZES[-1] / SIZES[-2] < high
    assert len(lines)


@computes("(7.9)")
def theory_forward(run: RunFolder, columns: Any, legend: Any) -> Pairs:
    yield columns[1], np.log10(theory(run, "tanh", "xavier").forward), DECIMALS
    assert "theory" in legend


@computes("(7.16)")
def theory_backward(run: RunFolder, columns: Any, legend: Any) -> Pairs:
    yield columns[1], np.log10(theory(run, "tanh", "xavier").backward), DECIMALS
    assert "theory" in legend


@computes("(7.10)")
def weights_that_keep_the_signal(run: RunFolder, columns: Any, lines: Any) -> Pairs:
    n = run.config.width
    # Var a^(1) = n Var(w) for inputs of mean square 1.
    yield 10 ** columns[0][0], n * variance("forward", n, n), DECIMALS
    yield 10 ** columns[0][0], n * weight_variance("lecun", n, n), DECIMALS
    assert len(lines)


@computes("(7.18)")
def weights_that_keep_the_errors(run: RunFolder, columns: Any, lines: Any) -> Pairs:
    n = run.config.width
    slope = moments("relu", 1.0).slope_square  # 1/2, whatever the variance of a
    yield 10 ** columns[0][-1], n * variance("backward", n, n) * slope, DECIMALS
    assert len(lines)


@computes("(7.19)")
def xavier(run: RunFolder, columns: Any, texts: Any) -> Pairs:
    yield columns[1], propagated(run, "tanh", "xavier")[0], DECIMALS
    n = run.config.width
    # Measured with weights as they are drawn: n_av Var(w) = 1.
    yield 10 ** columns[1][0], n * variance("xavier", n, n), 0.05
    W = draw_weights(np.random.default_rng(0), n, n, "xavier")
    yield 10 ** columns[1][0], n * W.var(), 0.05
    assert "xavier" in texts


def curve(activation: Any) -> Any:
    def recompute(run: RunFolder, columns: Any, lines: Any) -> Pairs:
        a, value = columns
        yield value, activation().value(a), DIGITS
        yield drawn(lines, a, value), True, 0

    return recompute


computes("(7.20)")(curve(relu))
computes("(7.21)")(curve(leaky_relu))
computes("(7.22)")(curve(elu))


def activation_figure(place: int) -> Any:
    def recompute(run: RunFolder, lines: Any) -> Pairs:
        (points,) = points_of(lines)
        yield points[:, 1], activation_curve("tanh", points[:, 0])[place], DIGITS

    return recompute


computes("Figure 12")(activation_figure(0))
computes("Figure 13")(activation_figure(1))


# Sections 7.2 and 7.3: signs of gradients, batch normalisation.


@computes("(7.23)")
def gradients_of_one_sign(run: RunFolder, columns: Any, axis: Any) -> Pairs:
    config = run.config.model_copy(update={"batch_sizes": (1,)})
    shares = measure_signs(config, "sigmoid").shares
    n, share, centred = columns
    for place, count in enumerate(n.astype(int)):
        yield share[place], shares["none", 1, count].mean(), DIGITS
        yield centred[place], 2.0 ** (1 - count), DIGITS
    yield share, np.ones(share.size), 0
    assert len(axis)


@computes("Figure 14")
def gradients_of_two_weights(run: RunFolder, columns: Any, axis: Any) -> Pairs:
    found = measure_signs(run.config.model_copy(update={"batch_sizes": (1,)}), "sigmoid").points
    yield np.column_stack(columns), found, DIGITS
    # Two quadrants of four.
    assert (found[:, 0] * found[:, 1] > 0).all()
    assert len(axis)


@computes("(7.24)")
def normalised_signals(run: RunFolder, columns: Any, lines: Any) -> Pairs:
    changes = {"activations": ("tanh",), "depths": (10,)}
    found = measure_signals(run.config.model_copy(update=changes), "xavier", "batch")
    mean = np.log10(found["tanh", 10].forward).mean(axis=1)
    yield columns[0], mean, DECIMALS
    rows = np.random.default_rng(0).normal(3.0, 2.0, size=(64, 5))
    z, _ = normalise(new_batch_norm(5), rows)
    yield columns[0], np.full(10, np.log10((z**2).mean())), 1e-3
    assert len(lines)


# Section 7.4: learning rates.


@computes("Figure 15")
def range_test(run: RunFolder, sweep: Any, suggestions: Any, line: Any) -> Pairs:
    rates, losses = sweep
    config = run.config
    known = np.isfinite(losses)
    found = suggest(
        rates[known], losses[known], float(losses[0]), config.smoothing, config.divergence
    )
    eta_crit, eta_max = suggestions
    yield eta_crit[0], found.eta_crit, 1e-6
    yield eta_max, eta_crit / 10, DIGITS
    yield rates, np.geomspace(config.rate_min, config.rate_max, config.n_steps), DIGITS
    assert points_of(line)


def schedule(made: Any, formula: Any) -> Any:
    """Learning rates by a schedule, and by its formula: of t, s and all steps."""

    def recompute(run: RunFolder, columns: Any, line: Any) -> Pairs:
        share, rate = columns
        n_steps = share.size
        steps = (share * (n_steps - 1)).round().astype(int).tolist()
        s = n_steps / 2
        # Three digits of eta_crit / 10.
        eta_max = float(f"{run.detail('eta_max.mean'):.3g}")
        factor = made(s)
        yield rate / eta_max, [factor(t, n_steps) for t in steps], DIGITS
        yield rate / eta_max, [formula(t, s, n_steps) for t in steps], DIGITS
        yield drawn(line, 100 * share, rate), True, 0

    return recompute


computes("(7.25)")(schedule(lambda s: schedules.power(s), lambda t, s, n: 1 / (1 + t / s)))
computes("(7.26)")(
    schedule(lambda s: schedules.exponential(s), lambda t, s, n: 0.1 ** (t / s)),
)
computes("(7.27)")(
    schedule(
        lambda s: schedules.piecewise((0.5, 0.75), (1.0, 0.1, 0.01)),
        lambda t, s, n: 1.0 if t < n / 2 else 0.1 if t < 3 * n / 4 else 0.01,
    )
)
