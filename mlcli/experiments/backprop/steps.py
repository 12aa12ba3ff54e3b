"""The passes of one row step by step: each number with its sum and its equation in the notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from mlcli.backpropagation.by_sums import BackwardSums, ForwardSums
from mlcli.backpropagation.layers import Network
from mlcli.experiments.backprop.problem import SIGMOID, SOFTMAX, SQUARE

FORWARD, BACKWARD = "forward", "backward"
# h' as a function of z = h(a), as it is computed.
SLOPES: Mapping[str, str] = MappingProxyType(
    {
        "sigmoid": "z(1 - z)",
        "tanh": "1 - z^2",
        "relu": "1 if z > 0, else 0",
        "leaky-relu": "1 if z > 0, else 0.01",
        "elu": "1 if z > 0, else z + 1",
        "selu": "1.05 if z > 0, else z + 1.76",
        "linear": "1",
    }
)
OUTPUT_EQUATIONS = {SQUARE: "(6.22)", SOFTMAX: "(5.20)", SIGMOID: "(5.6)"}
LOSS_EQUATIONS = {SQUARE: "(6.23)", SOFTMAX: "(5.22)", SIGMOID: "(5.13)"}


@dataclass(frozen=True)
class Step:
    """One number of a pass.

    Attributes:
        direction: forward or backward.
        layer, unit, source: of the weight w_kj^(l): l, k and j, where 0 is the bias; a unit's own
            numbers have no source.
        kind: a, z, E, delta, dW or db.
        quantity: its name, as ``dE/dw_12(1)``.
        formula: how it is computed, in names.
        numbers: the same with numbers in place of names, four digits each.
        value: what comes out.
        equation: in the notes.
    """

    direction: str
    layer: int
    unit: int
    source: int | None
    kind: str
    quantity: str
    formula: str
    numbers: str
    value: float
    equation: str


def weight_name(layer: int, unit: int, source: int) -> str:
    """``w_12(1)``, or ``b_1(1)`` of the bias."""
    return f"b_{unit}({layer})" if source == 0 else f"w_{unit}{source}({layer})"


def plain(value: float) -> str:
    """Four significant digits."""
    return f"{value + 0.0:.4g}"


def digits(value: float) -> str:
    """The same for the inside of a formula: in brackets where there is a minus sign in front."""
    text = plain(value)
    return f"({text})" if text.startswith("-") else text


def forward_steps(
    network: Network,
    found: ForwardSums,
    activation: str,
    loss: str,
    targets: Sequence[float],
    E: float,
) -> list[Step]:
    """a and z of every unit, layer by layer, then the outputs and E."""
    steps, last = [], len(network)
    for i, layer in enumerate(network, start=1):
        before, W, b = found.z[i - 1], layer.W.tolist(), layer.b.tolist()
        for k, a_k in enumerate(found.a[i]):
            names = [f"w_{k + 1}{j + 1}({i}) {_z(i - 1, j)}" for j in range(len(before))]
            terms = [f"{digits(w)}*{digits(z)}" for w, z in zip(W[k], before, strict=True)]
            steps.append(
                Step(
                    FORWARD,
                    i,
                    k + 1,
                    None,
                    "a",
                    f"a_{k + 1}({i})",
                    " + ".join([*names, f"b_{k + 1}({i})"]),
                    " + ".join([*terms, digits(b[k])]),
                    a_k,
                    "(6.15), (6.30)" if i == last else "(6.12)" if i == 1 else "(6.14)",
                )
            )
        for k, (a_k, z_k) in enumerate(zip(found.a[i], found.z[i], strict=True)):
            if i == last:
                steps.append(_output(loss, i, k, found.a[i], z_k))
                continue
            equation = "(6.13)" if i == 1 else "(6.14)"
            name = f"{activation}(a_{k + 1}({i}))"
            put_in = f"{activation}({plain(a_k)})"
            quantity = f"z_{k + 1}({i})"
            steps.append(Step(FORWARD, i, k + 1, None, "z", quantity, name, put_in, z_k, equation))
    return [*steps, _loss(loss, last, found.z[last], targets, E)]


def _z(layer: int, place: int) -> str:
    return f"x_{place + 1}" if layer == 0 else f"z_{place + 1}({layer})"


def _output(loss: str, layer: int, k: int, a: Sequence[float], y: float) -> Step:
    if loss == SQUARE:
        formula, put_in = f"a_{k + 1}({layer})", plain(a[k])
    elif loss == SIGMOID:
        formula, put_in = f"sigma(a_{k + 1}({layer}))", f"1 / (1 + exp({plain(-a[k])}))"
    else:
        formula = f"exp(a_{k + 1}({layer})) / sum_j exp(a_j({layer}))"
        below = " + ".join(f"exp({plain(one)})" for one in a)
        put_in = f"exp({plain(a[k])}) / ({below})"
    equation = OUTPUT_EQUATIONS[loss]
    return Step(FORWARD, layer, k + 1, None, "y", f"y_{k + 1}", formula, put_in, y, equation)


def _loss(
    loss: str, layer: int, outputs: Sequence[float], targets: Sequence[float], E: float
) -> Step:
    pairs = list(zip(outputs, targets, strict=True))
    if loss == SQUARE:
        formula = "1/2 sum_k (y_k - t_k)^2"
        put_in = " + ".join(f"({plain(y)} - {digits(t)})^2" for y, t in pairs)
        put_in = f"1/2 [{put_in}]"
    elif loss == SOFTMAX:
        formula = "-sum_k t_k ln y_k"
        put_in = " - ".join(f"ln {digits(y)}" for y, t in pairs if t)
        put_in = f"-{put_in}"
    else:
        formula = "-sum_k [t_k ln y_k + (1 - t_k) ln(1 - y_k)]"
        parts = (
            f"{digits(t)} ln {digits(y)} + {digits(1 - t)} ln {digits(1 - y)}" for y, t in pairs
        )
        put_in = f"-[{' + '.join(parts)}]"
    return Step(FORWARD, layer, 0, None, "E", "E", formula, put_in, E, LOSS_EQUATIONS[loss])


def backward_steps(
    network: Network,
    forward: ForwardSums,
    found: BackwardSums,
    activation: str,
    loss: str,
    targets: Sequence[float],
) -> list[Step]:
    """delta of every unit and the gradients of its weights, from the last layer to the first."""
    steps, last = [], len(network)
    for i in reversed(range(1, last + 1)):
        for k, delta in enumerate(found.delta[i]):
            name = f"delta_{k + 1}({i})"
            if i == last:
                formula = f"y_{k + 1} - t_{k + 1}"
                put_in = f"{plain(forward.z[i][k])} - {digits(targets[k])}"
                equation = "(6.25)" if loss == SQUARE else "(6.27)"
            else:
                after = network[i].W[:, k].tolist()
                errors = found.delta[i + 1]
                names = (
                    f"delta_{n + 1}({i + 1}) w_{n + 1}{k + 1}({i + 1})" for n in range(len(after))
                )
                terms = (f"{digits(d)}*{digits(w)}" for d, w in zip(errors, after, strict=True))
                formula = f"h'(a_{k + 1}({i})) [{' + '.join(names)}]"
                put_in = f"{digits(found.slope[i][k])} [{' + '.join(terms)}]"
                equation = "(6.34)"
            steps.append(
                Step(BACKWARD, i, k + 1, None, "delta", name, formula, put_in, delta, equation)
            )
        steps += _gradient_steps(forward, found, i, last)
    return steps


def _gradient_steps(forward: ForwardSums, found: BackwardSums, i: int, last: int) -> list[Step]:
    """dE/dw and dE/db of one layer."""
    steps = []
    of_output = i == last
    for k, delta in enumerate(found.delta[i]):
        error = f"delta_{k + 1}({i})"
        for j, value in enumerate(found.W[i][k]):
            steps.append(
                Step(
                    BACKWARD,
                    i,
                    k + 1,
                    j + 1,
                    "dW",
                    f"dE/d{weight_name(i, k + 1, j + 1)}",
                    f"{error} {_z(i - 1, j)}",
                    f"{digits(delta)}*{digits(forward.z[i - 1][j])}",
                    value,
                    "(6.24), (6.25)" if of_output else "(6.28), (6.36)",
                )
            )
        equation = "(6.26)" if of_output else "(6.36)"
        name = f"dE/d{weight_name(i, k + 1, 0)}"
        value = found.b[i][k]
        steps.append(Step(BACKWARD, i, k + 1, 0, "db", name, error, plain(delta), value, equation))
    return steps
