"""What every training refuses before any work."""

from __future__ import annotations

from typing import Any

from mlcli.datasets.source import Source
from mlcli.errors import DataError, InputError
from mlcli.experiments.networks.members import computing_on, programs_of
from mlcli.experiments.networks.problem import Problem, check_batches, problem_of
from mlcli.experiments.networks.variants import check_members, variants_of
from mlcli.experiments.networks.weights import check_memory


def check_training(config: Any, source: Source, *, isolate: bool = False) -> Problem:
    """Refuse data, devices, sizes and networks that won't do; what is to be learnt otherwise.

    Raises:
        InputError: in one sentence.
    """
    if source.streamed:
        raise DataError(
            f"{source.name} has {source.n_rows} rows and is read in batches, which networks can't "
            "use",
            hint="a file with fewer rows",
        )
    computing_on(config)
    variants = variants_of(config)
    check_members(variants, config.n_seeds)
    problem = problem_of(config, source)
    programs = programs_of(config, problem, variants, isolate=isolate)
    check_batches(config.batch_size, problem)
    if config.round_metric and problem.labelled:
        raise InputError(
            "--round-metric", must="used with a regression", got="classes", hint="--task regression"
        )
    check_memory(config, programs)
    return problem
