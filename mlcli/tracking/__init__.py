"""Finished runs, logged to MLflow, TensorBoard or DVCLive; one module per tracker.

Each module has a function ``log(record: Record) -> str``. It logs a run, replacing an earlier log
of it, and returns where. It may raise whatever its library raises; the run folder is unaffected.
"""

# Each is the name of the flag, of the extra, of the library, and of the module here.
TRACKERS = ("mlflow", "tensorboard", "dvclive")
