"""What flows through the layers at a few moments of a training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcli.experiments.networks.members import Program, loss_of, view_of
from mlcli.experiments.networks.problem import Problem
from mlcli.neural.batched_module import BatchedModule
from mlcli.neural.layer_statistics import STATISTICS, layer_statistics
from mlcli.neural.mlp import MLP

Floats = NDArray[np.float64]
# Rows on which layers are looked into.
STATISTICS_ROWS = 256


class Looks:
    """Statistics of the layers at a few moments of a training."""

    def __init__(
        self,
        config: Any,
        problem: Problem,
        program: Program,
        kept: Mapping[str, NDArray[Any]],
    ) -> None:
        """Choose the moments, and take up those that an interrupted run has seen.

        Args:
            config: has n_epochs and n_statistics.
            problem: rows and splits.
            program: the members.
            kept: arrays of an interrupted run, or nothing.
        """
        self._problem = problem
        self._view = view_of(problem, program, "train", STATISTICS_ROWS)
        count = min(config.n_statistics, config.n_epochs + 1)
        self._wanted = set(np.linspace(0, config.n_epochs, count).round().astype(int).tolist())
        n_layers, n_members = program.architecture.n_hidden, len(program.members)
        if not n_layers:
            self._wanted = set()
        empty = np.zeros((0, n_layers, len(STATISTICS), n_members))
        self._moments: list[int] = [int(epoch) for epoch in kept.get("moments", ())]
        self._layers: list[Floats] = list(kept.get("layers", empty))
        self._empty = empty

    def look(self, net: BatchedModule, epoch: int) -> None:
        """Look into the layers if this epoch is one of the moments."""
        if epoch not in self._wanted or epoch in self._moments:
            return
        assert isinstance(net, MLP)
        problem = self._problem
        found = layer_statistics(net, loss_of(problem), problem.X, problem.t, self._view)
        self._moments.append(epoch)
        self._layers.append(np.array([[getattr(one, k) for k in STATISTICS] for one in found]))

    @property
    def stacked(self) -> tuple[NDArray[np.int64], Floats]:
        """Epochs (T,) and statistics (T, L, S, M)."""
        layers = np.stack(self._layers) if self._layers else self._empty
        return np.array(self._moments, dtype=np.int64), layers

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The same, to be kept."""
        moments, layers = self.stacked
        return {"moments": moments, "layers": layers}
