"""The cost of one gradient: multiplications by count, and seconds by the clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from mlcli.backpropagation.activations import tanh
from mlcli.backpropagation.backpropagation import backward, forward
from mlcli.backpropagation.by_sums import multiplications
from mlcli.backpropagation.gradient_check import central_differences, one_sided_differences
from mlcli.backpropagation.layers import new_network, on_one_vector
from mlcli.backpropagation.losses import square

# Networks n-n-n of these widths n are counted, and those up to the last are timed.
COUNTED = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
TIMED = (4, 8, 16, 32, 64)
REPEATS = 5
STEP = 1e-6
METHODS = ("forward", "backpropagation", "one_sided", "central")


def counts(sizes: Sequence[int]) -> dict[str, int]:
    """Weights of a network, and multiplications of one row's gradient by each method.

    Backpropagation is a forward and a backward pass; the differences are W + 1 and 2W forward
    passes.
    """
    n_weights = sum(n_out * (n_in + 1) for n_in, n_out in pairwise(sizes))
    ahead, back = multiplications(sizes)
    return {
        "n_weights": n_weights,
        "forward": ahead,
        "backward": back,
        "backpropagation": ahead + back,
        "one_sided": (n_weights + 1) * ahead,
        "central": 2 * n_weights * ahead,
    }


def timed() -> dict[str, dict[str, float]]:
    """Seconds of one gradient on one row by each method, for each width of `TIMED`.

    The shortest of a few runs each: what else the machine does only makes them longer.
    """
    found: dict[str, dict[str, float]] = {}
    for n in TIMED:
        rng = np.random.default_rng(0)
        network, w = on_one_vector(new_network(rng, (n, n, n), tanh()))
        x, t = rng.standard_normal((1, n)), rng.standard_normal((1, n))

        def loss(network: Any = network, x: Any = x, t: Any = t) -> float:
            return square(forward(network, x)[0], t)[0]

        def both(network: Any = network, x: Any = x, t: Any = t) -> Any:
            outputs, caches = forward(network, x)
            return backward(network, caches, square(outputs, t)[1])

        works: tuple[tuple[Callable[[], Any], int], ...] = (
            (loss, REPEATS),
            (both, REPEATS),
            (partial(one_sided_differences, loss, w, STEP), 1),
            (partial(central_differences, loss, w, STEP), 1),
        )
        seconds = [_shortest(work, repeats) for work, repeats in works]
        found[f"{n:03d}"] = {"n_weights": w.size, **dict(zip(METHODS, seconds, strict=True))}
    return found


def _shortest(work: Callable[[], Any], repeats: int) -> float:
    spent = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return min(spent)
