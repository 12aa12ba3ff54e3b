"""What trained members say about rows: outputs, loss and accuracy of each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlcli.neural.losses import Loss
from mlcli.neural.members import Members

Floats = NDArray[np.float64]
# Rows of all members that go through the network at a time.
N_ROWS = 2048


class Scores(NamedTuple):
    """Loss (M,) and, where targets are labels, accuracy (M,) of each member."""

    loss: Floats
    accuracy: Floats | None


def computing(net: Members, autocast: bool) -> AbstractContextManager[Any]:
    """The context of a forward pass: bfloat16 where it is safe, if asked for."""
    if not autocast:
        return nullcontext()
    return torch.autocast(net.theta.device.type, torch.bfloat16)


def _outputs(net: Members, X: Tensor, autocast: bool) -> Iterator[tuple[slice, Tensor]]:
    """Rows and their outputs (M, n, K) in evaluation mode."""
    net.eval()
    n_rows = max(1, N_ROWS // net.n_members)
    for start in range(0, len(X), n_rows):
        rows = slice(start, min(start + n_rows, len(X)))
        some = X[rows].expand(net.n_members, *X[rows].shape)  # (M, n, ...)
        with computing(net, autocast):
            A = net(some)
        yield rows, A.to(net.theta.dtype)


@torch.no_grad()
def evaluate(net: Members, loss: Loss, X: Tensor, t: Tensor, autocast: bool = False) -> Scores:
    """Loss and accuracy of each member on all rows.

    Args:
        net: M members.
        loss: E.
        X: (N, ...), see `batches.as_tensors`.
        t: labels (N,) or targets (N, K).
        autocast: forward passes in bfloat16.
    """
    total = torch.zeros(net.n_members, device=X.device, dtype=net.theta.dtype)
    n_right = torch.zeros(net.n_members, device=X.device, dtype=torch.int64)
    for rows, A in _outputs(net, X, autocast):
        some = t[rows].expand(net.n_members, *t[rows].shape)  # (M, n) or (M, n, K)
        total += loss.value(A, some) * (rows.stop - rows.start)
        if loss.labelled:
            n_right += (A.argmax(dim=2) == some).sum(dim=1)
    E = total.cpu().numpy().astype(np.float64) / len(X)
    return Scores(E, n_right.cpu().numpy() / len(X) if loss.labelled else None)


@torch.no_grad()
def predict(net: Members, X: NDArray[Any], autocast: bool = False) -> NDArray[Any]:
    """Outputs before the output activation of each member, (N, ...) to (M, N, K)."""
    rows = torch.as_tensor(np.asarray(X), device=net.theta.device).to(net.theta.dtype)
    parts = [A.cpu().numpy() for _, A in _outputs(net, rows, autocast)]
    return np.concatenate(parts, axis=1)
