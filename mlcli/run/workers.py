"""From `--jobs` and `--cluster` to the workers of a run."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from mlcli.config.fields import extra
from mlcli.errors import ConfigError

if TYPE_CHECKING:
    from mlcli.experiments.experiment import About
    from mlcli.scale.workers import Workers

CLUSTER_HELP = (
    "Give the independent work to a Dask cluster, tcp://HOST:PORT, or to one of N workers on this "
    "machine, local:N; never changes a byte."
)


def check_cluster(cluster: str | None, jobs: int | None) -> None:
    """Refuse two kinds of workers at once, and an address that is none.

    Raises:
        ConfigError: either.
    """
    if cluster is None:
        return
    from mlcli.scale.workers import parse_cluster

    if jobs is not None:
        raise ConfigError("--jobs and --cluster can't be given together", hint="one of them")
    parse_cluster(cluster)


def check_hands_out(about: About, source: Any) -> None:
    """Refuse a cluster for work that is one piece.

    Raises:
        ConfigError: all networks train in one program, or the data come in batches.
    """
    if about.one_program:
        raise ConfigError(
            f"--cluster has nothing to give out: all networks of {about.command} train side by "
            "side in one process",
            hint=f"mlcli sweep {about.command} --cluster, which gives out its points",
        )
    if source.streamed:
        raise ConfigError(
            f"--cluster has nothing to give out: {source.name} is read in batches by this process",
            hint="the same without --cluster",
        )


def check_no_files(config: Any, source: Any) -> None:
    """Refuse a point of a sweep that reads files while it runs, which workers elsewhere lack.

    Raises:
        ConfigError: naming the parameter, or the data.
    """
    if source.streamed:
        raise ConfigError(
            f"--cluster can't be used with {source.name}, which is read in batches while a point "
            "runs",
            hint="--jobs",
        )
    for key, field in type(config).model_fields.items():
        if extra(field, "is_file") and getattr(config, key) is not None:
            raise ConfigError(
                f"--cluster can't be used with {key}, a file that is read while a point runs",
                hint="--jobs",
            )


def workers_of(cluster: str | None, jobs: int | None) -> AbstractContextManager[Workers]:
    """The workers that were asked for, while the block runs.

    Raises:
        ConfigError: Dask is not installed.
        MlcliError: the cluster can't be reached.
    """
    from mlcli.run.manifest import package_versions
    from mlcli.scale.workers import open_workers

    return open_workers(jobs, cluster, package_versions())
