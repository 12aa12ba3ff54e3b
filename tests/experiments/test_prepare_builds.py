"""What `prepare` builds is what `run` uses: built once, and complete where files are missing."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlcli.datasets.source import open_source
from mlcli.experiments import load
from mlcli.experiments.bayes.config import BayesConfig
from mlcli.experiments.experiment import Context
from mlcli.experiments.fit_poly import prepare as fit_poly_prepare
from mlcli.experiments.fit_poly.config import FitPolyConfig
from mlcli.experiments.kfold import prepare as kfold_prepare
from mlcli.experiments.kfold.config import KfoldConfig
from mlcli.scale.workers import Processes

SMALL = {
    "fit_poly": {"degrees": (1,), "n_seeds": 1, "n_path": 2},
    "kfold": {"degrees": (0, 1), "n_seeds": 1, "n_coverage": 0, "n_nested": 0, "n_strengths": 2},
    "bayes": {"degrees": (0, 1), "degree": 1, "n_seeds": 1, "n_calibration": 0, "n_surface": 3},
}


def count_calls(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[int]:
    calls: list[int] = []
    original = getattr(module, name)

    def counted(*arguments: Any) -> Any:
        calls.append(1)
        return original(*arguments)

    monkeypatch.setattr(module, name, counted)
    return calls


def test_fit_poly_splits_the_rows_of_the_first_seed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = count_calls(monkeypatch, fit_poly_prepare, "train_test_indices")
    experiment, config = load("fit_poly"), FitPolyConfig(**SMALL["fit_poly"])
    prepared = experiment.prepare(config, open_source("noisy-cubic"))
    experiment.run(prepared, Context(Processes(1)))
    assert len(calls) == 1


def test_kfold_partitions_the_first_data_set_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = count_calls(monkeypatch, kfold_prepare, "_partition")
    experiment, config = load("kfold"), KfoldConfig(**SMALL["kfold"])
    prepared = experiment.prepare(config, open_source("noisy-cubic"))
    experiment.run(prepared, Context(Processes(1)))
    assert len(calls) == 1


def test_bayes_runs_where_the_files_of_its_prior_are_not(tmp_path: Path) -> None:
    mean, covariance = tmp_path / "mean.csv", tmp_path / "covariance.npy"
    mean.write_text("term,mean\n0,0.5\n1,0.0\n")
    np.save(covariance, np.eye(2))
    experiment = load("bayes")
    files = {"prior_mean": str(mean), "prior_covariance": str(covariance)}
    config = BayesConfig(**SMALL["bayes"], basis="monomial", prior="general", **files)
    source = open_source("noisy-cubic")
    prepared = experiment.prepare(config, source)
    here = experiment.run(prepared, Context(Processes(1)))
    mean.unlink()
    covariance.unlink()
    there = pickle.loads(pickle.dumps(replace(prepared, source=source)))
    assert experiment.run(there, Context(Processes(1))).metrics == here.metrics


@pytest.mark.parametrize("section", SMALL)
def test_a_prepared_run_can_be_sent_to_another_process(section: str) -> None:
    from mlcli.config import config_class

    experiment = load(section)
    source = open_source("noisy-cubic")
    prepared = experiment.prepare(config_class(section)(**SMALL[section]), source)
    sent = pickle.loads(pickle.dumps(replace(prepared, source=source)))
    assert sent.config == prepared.config
    assert experiment.plan(sent) == experiment.plan(prepared)
