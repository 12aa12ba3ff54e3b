"""The formats: how a model is written in each, and what reads it back for the check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from mlcli.errors import ConfigError, DataError, InputError

if TYPE_CHECKING:
    from mlcli.export.check import Floats
    from mlcli.export.graph import Graph, Tensor
    from mlcli.models.prediction import Model


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        suffix: of its files.
        needs: modules that write and read it.
        reader: the one that reads it in the check.
    """

    suffix: str
    needs: tuple[str, ...]
    reader: str


FORMATS: Mapping[str, Format] = {
    "onnx": Format(".onnx", ("onnx", "onnxruntime"), "onnxruntime"),
    "torchscript": Format(".pt", (), "torch"),
    "safetensors": Format(".safetensors", (), "numpy"),
    "sklearn": Format(".skops", ("skops",), "skops"),
}


@dataclass(frozen=True)
class Exported:
    """A file that was checked.

    Attributes:
        content: its bytes.
        reader: what ran it, with its version.
        differences: see `check.differences`.
        outputs: names of what it gives.
        left_out: names of what `predict` gives and the file does not.
        trusted: types of a skops file that a reader has to trust; None: another format.
        kind: what it holds, in words.
    """

    content: bytes
    reader: str
    differences: Mapping[str, float]
    outputs: tuple[str, ...]
    left_out: tuple[str, ...]
    trusted: tuple[str, ...] | None
    kind: str


def find_format(name: str) -> Format:
    """The format of a name.

    Raises:
        ConfigError: there is none.
    """
    if name not in FORMATS:
        near = get_close_matches(name, FORMATS, 1, cutoff=0.4)
        raise ConfigError(
            "--to", must=f"one of {', '.join(FORMATS)}", got=name, hint=near[0] if near else "onnx"
        )
    return FORMATS[name]


def check_installed(name: str) -> None:
    """Refuse a format whose packages aren't there, before any work.

    Raises:
        InputError: one is missing.
    """
    for module in FORMATS[name].needs:
        try:
            import_module(module)
        except ImportError:
            raise InputError(
                f"--to {name} needs the package {module}, which is not installed",
                hint="pip install 'mlcli[export]'",
            ) from None


def refuse_prepared(model: Model) -> None:
    """Refuse a model whose columns are made of others, or whose gaps are filled: no steps do that.

    Raises:
        DataError: it is one.
    """
    if model.described.preparation is not None:
        raise DataError(
            "a model whose inputs are prepared (categories, dates or gaps) can't be exported",
            hint="a run on columns of numbers without gaps",
        )


def graph_of(model: Model, level: float) -> Graph:
    """The model as steps, with intervals of so much probability.

    Raises:
        DataError: it is of a kind that can't be written so.
    """
    from mlcli.export import linear, networks
    from mlcli.models.bayes import BayesModel
    from mlcli.models.linear import LinearClasses, LinearNumbers
    from mlcli.models.networks import Networks

    refuse_prepared(model)
    if isinstance(model, LinearNumbers):
        return linear.numbers_graph(model, level)
    if isinstance(model, LinearClasses):
        return linear.classes_graph(model)
    if isinstance(model, BayesModel):
        return linear.bayes_graph(model, level)
    if isinstance(model, Networks):
        return networks.networks_graph(model, level)
    raise DataError(f"a {type(model).__name__} of {model.described.command} can't be exported")


def export(model: Model, to: str, X: Floats, level: float, about: Mapping[str, Any]) -> Exported:
    """The model in a format, after its file was run on rows and agreed with it.

    Args:
        model: of a run.
        to: a name of `FORMATS`.
        X: rows for the check, (n, D).
        level: probability of the intervals.
        about: what the file says of the model, plain JSON.

    Raises:
        DataError: the model can't be written so.
        MlcliError: the file says something else than the model.
    """
    from mlcli.export import check
    from mlcli.models.linear import LinearClasses

    graph = graph_of(model, level)
    rows = X.reshape(-1, *graph.input_shape).astype(graph.dtype)
    mine = check.ours(model, X, level)
    threshold = model.threshold if isinstance(model, LinearClasses) else None
    reader = _reader(to)
    trusted: tuple[str, ...] | None = None
    kind = "a graph"
    if to == "sklearn":
        content, theirs, trusted, found, kind = _sklearn(model, graph, X, mine, threshold)
    else:
        content, theirs = _WRITERS[to](model, graph, rows, about)
        found = check.differences(mine, theirs, threshold)
    check.refuse_differences(found, reader)
    said = set(model.predict(X[:1], level).columns())
    left_out = tuple(sorted({"std", "low", "high", "spread"} & said - set(theirs)))
    return Exported(content, reader, found, tuple(theirs), left_out, trusted, kind)


def _reader(to: str) -> str:
    reader = FORMATS[to].reader
    return f"{'NumPy' if reader == 'numpy' else reader} {version(reader)}"


def _onnx(
    model: Model, graph: Graph, rows: Tensor, about: Mapping[str, Any]
) -> tuple[bytes, dict[str, Tensor]]:
    import json

    from mlcli.export.onnx_file import onnx_bytes, run_onnx

    words = {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in about.items()
    }
    content = onnx_bytes(graph, words, model.described.classes)
    return content, run_onnx(content, rows)


def _torchscript(
    model: Model, graph: Graph, rows: Tensor, about: Mapping[str, Any]
) -> tuple[bytes, dict[str, Tensor]]:
    import json

    from mlcli.export.graph import INPUT
    from mlcli.neural.torchscript import run_script, script

    steps = [(s.op, s.inputs, s.output, s.tensors, s.settings) for s in graph.steps]
    # A traced program takes rows of one type only.
    words = json.dumps({**about, "input_dtype": graph.dtype}, ensure_ascii=False)
    content = script(steps, graph.tensors, graph.outputs, rows[:2], INPUT, words)
    return content, run_script(content, rows)


def _safetensors(
    model: Model, graph: Graph, rows: Tensor, about: Mapping[str, Any]
) -> tuple[bytes, dict[str, Tensor]]:
    from mlcli.export.safetensors_file import run_safetensors, safetensors_bytes

    content = safetensors_bytes(graph, about)
    return content, run_safetensors(content, rows)


_WRITERS = {"onnx": _onnx, "torchscript": _torchscript, "safetensors": _safetensors}


def _sklearn(
    model: Model, graph: Graph, X: Floats, mine: Mapping[str, Tensor], threshold: float | None
) -> tuple[bytes, dict[str, Tensor], tuple[str, ...], dict[str, float], str]:
    """Of scikit-learn's own parts, if they say what the model says; else of ours."""
    from mlcli.export import check
    from mlcli.export.sklearn_file import estimator_of, is_plain, run_skops, skops_bytes

    classes = model.described.classes
    for plain in (True, False):
        estimator = estimator_of(model, graph, plain=plain)
        content = skops_bytes(estimator)
        theirs, trusted = run_skops(content, X, classes)
        found = check.differences(mine, theirs, threshold)
        # High powers of plain inputs lose digits that the model's own columns keep.
        if not is_plain(estimator) or max(found.values()) <= check.TOLERANCE:
            break
    kind = type(estimator).__name__
    if hasattr(estimator, "steps"):
        kind += " of " + ", ".join(type(part).__name__ for _, part in estimator.steps)
    return content, theirs, tuple(trusted), found, kind
