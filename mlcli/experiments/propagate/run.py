"""`propagate`: vanishing and exploding gradients (sections 7.1 to 7.3 of the notes)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any

from mlcli.datasets.source import Source
from mlcli.errors import DataError, InputError
from mlcli.experiments.experiment import Context, Prepared
from mlcli.experiments.propagate import tables
from mlcli.experiments.propagate.config import PropagateConfig
from mlcli.experiments.propagate.draws import DRAWN, measure_draws
from mlcli.experiments.propagate.measurements import (
    NORMALISATIONS,
    measure_alphas,
    measure_signals,
    measure_signs,
)
from mlcli.experiments.propagate.training import (
    N_TRIALS,
    TrainingRows,
    device_of,
    rows_of,
    train_pairs,
)
from mlcli.neural.activations import ACTIVATIONS
from mlcli.neural.device import one_thread, provenance
from mlcli.neural.initialisation import SCHEMES
from mlcli.result import Result
from mlcli.scale.workers import Processes

# A learnt or drawn slope has no single curve h(a); weights of zero give no signal.
KNOWN_ACTIVATIONS = tuple(name for name, h in ACTIVATIONS.items() if h.value is not None)
KNOWN_INITS = tuple(name for name in SCHEMES if name != "zeros")
# Bytes of the largest measured network, times the copies that are held at once.
MAX_BYTES = 1 << 30
DETERMINISM = (
    "each piece of work is done on one thread and collected in order, so the bytes do not depend "
    "on --jobs; another machine, or another version of numpy or torch, can differ in the last "
    "digits, and after many steps of training in more"
)


@dataclass(frozen=True)
class PreparedPropagate(Prepared[PropagateConfig]):
    """Measurements and trainings that can start.

    Attributes:
        rows: on which deep networks are trained.
    """

    rows: TrainingRows


def prepare(config: PropagateConfig, source: Source) -> PreparedPropagate:
    """Check names, device, sizes and rows; the rows to train on.

    Raises:
        InputError: a name, the device, the sizes or the rows won't do.
    """
    _check_names("--activations", config.activations, KNOWN_ACTIVATIONS)
    _check_names("--inits", config.inits, KNOWN_INITS)
    try:
        config.h(config.activations[0])
    except ValueError as error:
        raise InputError(f"--{error}") from None
    device_of(config)
    if max(config.sign_counts) > config.width:
        raise InputError(
            "--sign-counts",
            must=f"at most the width {config.width} each",
            got=str(max(config.sign_counts)),
        )
    n_bytes = 8 * config.n_seeds * max(config.depths) * config.width**2
    if n_bytes > MAX_BYTES:
        raise InputError(
            "the weights of --n-seeds measured networks",
            must="below 1 GiB",
            got=f"{n_bytes / 2**30:.1f} GiB",
            hint="a smaller --width, --depths or --n-seeds",
        )
    if source.streamed:
        raise DataError(
            f"{source.name} is read in batches, which propagate can't use",
            hint="a file with fewer rows",
        )
    return PreparedPropagate(config, source, rows_of(config, source))


def _check_names(flag: str, names: Iterable[str], known: tuple[str, ...]) -> None:
    for name in names:
        if name not in known:
            near = get_close_matches(name.lower(), known, n=1, cutoff=0.4)
            raise InputError(
                flag,
                must=f"names from {', '.join(known)}",
                got=repr(name),
                hint=near[0] if near else None,
            )


def plan(prepared: PreparedPropagate) -> Mapping[str, Any]:
    """The size of the work, for a dry run."""
    config = prepared.config
    n_pairs = len(config.activations) * len(config.inits) * len(NORMALISATIONS)
    return {
        "pairs, with and without batch normalisation": n_pairs,
        "measured networks": n_pairs * len(config.depths) * config.n_seeds,
        "trained networks": n_pairs * config.train_seeds,
        "trials of a learning rate": n_pairs * len(config.train_rates) * N_TRIALS,
        "rows to train on": prepared.rows.labels.size,
    }


def run(prepared: PreparedPropagate, context: Context) -> Result:
    """Measure, compare with theory, train."""
    config, source = prepared.config, prepared.source
    rows, workers = prepared.rows, context.workers
    if (kind := device_of(config).device.type) == "cpu":
        # A worker on another machine must use the same device.
        config = config.model_copy(update={"device": kind})
    elif not isinstance(workers, Processes):
        raise InputError("--device", must="cpu with --cluster", got=kind, hint="--device cpu")
    else:
        # A copy of a process can't use an accelerator that its parent has used.
        workers = Processes(1)
    # The longest pieces first, so that no worker waits long for the last.
    pieces: dict[tuple[str, ...], Any] = {}
    for normalisation in NORMALISATIONS:
        for name in config.activations:
            pieces["training", normalisation, name] = partial(
                train_pairs, config, rows, name, normalisation
            )
    for normalisation in NORMALISATIONS:
        for init in config.inits:
            pieces["signals", normalisation, init] = partial(
                measure_signals, config, init, normalisation
            )
    pieces["alphas",] = partial(measure_alphas, config)
    for name in config.activations:
        pieces["signs", name] = partial(measure_signs, config, name)
    for init in DRAWN:
        pieces["draws", init] = partial(measure_draws, config.seed, init)
    found: dict[tuple[str, ...], Any] = {}
    for address, one in zip(
        pieces, workers.map_ordered(_in_one_thread, pieces.values()), strict=True
    ):
        found[address] = one
        context.progress(len(found), len(pieces))
    signals, signs, trained, drawn = (
        {address[1:]: one for address, one in found.items() if address[0] == word}
        for word in ("signals", "signs", "training", "draws")
    )
    by_alpha = found["alphas",]
    studies = {
        "alive": tables.alive(config, signals),
        "draws": tables.draws(drawn),
        "alphas": tables.alphas(config, by_alpha),
    }
    return Result(
        metrics=tables.metrics(config, rows, signals, signs, trained)
        | tables.study_metrics(config, signals, drawn, by_alpha)
        | {"data_name": source.name},
        tables={
            **studies,
            "activations": tables.activations(config),
            "sign_points": tables.sign_points(signs),
            "signals": tables.signals(config, signals),
            "signs": tables.signs(config, signs),
            "trains": tables.trains(config, trained, rows.labels.size),
        },
        **provenance(DETERMINISM, [device_of(prepared.config)]),
    )


def _in_one_thread(work: Any) -> Any:
    with one_thread():
        return work()
