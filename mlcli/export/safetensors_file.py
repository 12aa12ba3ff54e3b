"""A graph as a safetensors file: its tensors, and its steps as JSON in the heading."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from mlcli.export import numpy_steps
from mlcli.export.graph import Graph, Tensor, description, read_description

# The only entry of the metadata: the order of several would be another one each time.
KEY = "mlcli"


def safetensors_bytes(graph: Graph, about: Mapping[str, Any]) -> bytes:
    """The file.

    Args:
        graph: of the model.
        about: what is to be said of the model, plain JSON.
    """
    from safetensors.numpy import save

    tensors = {name: np.ascontiguousarray(graph.tensors[name]) for name in sorted(graph.tensors)}
    return save(tensors, metadata={KEY: description(graph, about)})


def run_safetensors(content: bytes, rows: Tensor) -> dict[str, Tensor]:
    """The outputs at rows (n, ...), from the content of the file alone, in NumPy."""
    from safetensors.numpy import load

    n_heading = int.from_bytes(content[:8], "little")
    heading = json.loads(content[8 : 8 + n_heading])
    return numpy_steps.run(read_description(heading["__metadata__"][KEY], load(content)), rows)
