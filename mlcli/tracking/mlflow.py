"""MLflow: a run of the experiment ``mlcli/<command>``, at MLFLOW_TRACKING_URI or in ./mlruns."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from mlcli.tracking.record import Record

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOCAL = "mlruns"
# What the library takes in one call.
MOST_METRICS = 1000
MOST_PARAMS = 100
# The user may override all but the first, which keeps runs from being reported elsewhere.
ALWAYS = {"MLFLOW_DISABLE_TELEMETRY": "true"}
UNLESS_SET = {
    # Without SQLAlchemy, which the small library does not bring, files are the only local store.
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # The library's own seven retries of two minutes keep a finished run waiting.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


def log(record: Record) -> str:
    """Log parameters, metrics, curves and every file of the run; a run that is there stays.

    Raises:
        Exception: what the library raises.
    """
    os.environ.update(ALWAYS)
    for name, value in UNLESS_SET.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    uri = os.environ.get("MLFLOW_TRACKING_URI")
    client = MlflowClient(tracking_uri=uri or Path(LOCAL).resolve().as_uri())
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or f"mlcli/{record.command}"
    where = f"{uri or LOCAL}, experiment {name}"
    found = client.get_experiment_by_name(name)
    experiment = found.experiment_id if found else client.create_experiment(name)
    earlier = client.search_runs([experiment], f"tags.`mlcli.run` = '{record.run}'")
    whole = [one for one in earlier if _is_same(one, record)]
    if not whole:
        _log_new(client, experiment, record)
    # What an interrupted call left, and what other versions logged for the same run.
    for one in earlier:
        if one not in whole[:1]:
            client.delete_run(one.info.run_id)
    return where


def _is_same(run: Any, record: Record) -> bool:
    key = "mlcli.manifest_sha256"
    return bool(run.info.status == "FINISHED" and run.data.tags.get(key) == record.tags[key])


def _log_new(client: MlflowClient, experiment: str, record: Record) -> None:
    t_start = round(1000 * record.started)
    new = client.create_run(
        experiment,
        start_time=t_start,
        tags=dict(record.tags),
        run_name=f"{record.command} {record.run}",
    )
    identifier = new.info.run_id
    try:
        _log_values(client, identifier, record, t_start)
        for name in record.files:
            below = PurePosixPath(name).parent.as_posix()
            client.log_artifact(
                identifier, str(record.folder / name), below if below != "." else None
            )
    except BaseException as error:
        status = "FAILED" if isinstance(error, Exception) else "KILLED"
        with suppress(Exception):
            client.set_terminated(identifier, status)
        raise
    client.set_terminated(identifier, "FINISHED", t_start + round(1000 * record.seconds))


def _log_values(client: MlflowClient, identifier: str, record: Record, t_start: int) -> None:
    from mlflow.entities import Metric, Param

    params = [Param(key, text) for key, text in record.config.items()]
    params += [Param(f"{key}.source", text) for key, text in record.sources.items()]
    metrics = [Metric(name, value, t_start, 0) for name, value in record.metrics.items()]
    metrics += [
        Metric(name, value, t_start, step)
        for name, points in record.series.items()
        for step, value in points
    ]
    for first in range(0, len(params), MOST_PARAMS):
        client.log_batch(identifier, params=params[first : first + MOST_PARAMS])
    for first in range(0, len(metrics), MOST_METRICS):
        client.log_batch(identifier, metrics=metrics[first : first + MOST_METRICS])
