"""What the commands with networks share: variants, problems, tests of differences, resuming."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from scipy import stats

from mlcli.config import networks
from mlcli.datasets.source import open_source
from mlcli.errors import Interrupted
from mlcli.experiments.experiment import Context
from mlcli.experiments.networks import fitting, metrics
from mlcli.experiments.networks.member_groups import (
    Member,
    member_groups_of,
    network_of,
    schedule_of,
)
from mlcli.experiments.networks.outcome import MemberOutcome
from mlcli.experiments.networks.problem import problem_of
from mlcli.experiments.networks.variants import Variant, nest, variants_of
from mlcli.experiments.train_mlp.config import TrainMlpConfig
from mlcli.experiments.train_mlp.run import prepare, run
from mlcli.neural.activations import ACTIVATIONS
from mlcli.neural.initialisation import SCHEMES
from mlcli.neural.mlp import NORMALISATIONS
from mlcli.neural.optimisers import OPTIMISERS
from mlcli.neural.schedules import SCHEDULES
from mlcli.run.checkpoint import FileCheckpoint
from mlcli.run.files import csv_text, json_text
from mlcli.scale.workers import Processes


def config(**values: Any) -> TrainMlpConfig:
    return TrainMlpConfig(**({"n_epochs": 4, "hidden": "12", "n_seeds": 2} | values))


def test_choices_of_the_config_are_the_names_that_networks_know() -> None:
    assert set(get_args(networks.ActivationName)) == set(ACTIVATIONS) - {"linear"}
    assert set(get_args(networks.InitName)) == set(SCHEMES)
    assert set(get_args(networks.NormalisationName)) == set(NORMALISATIONS)
    assert set(get_args(networks.OptimiserName)) == set(OPTIMISERS) == set(networks.DEFAULT_RATES)
    assert set(get_args(networks.ScheduleName)) == set(SCHEDULES)
    for name in SCHEDULES:
        factor = schedule_of(config(), name, 100, 10)
        assert 0 <= factor(5, 40) <= 1


def test_one_alpha_is_that_of_the_activations_that_have_one() -> None:
    three = variants_of(config(activation="relu,leaky-relu,elu", alpha=0.3))
    assert [v.h for v in three] == ["relu", "leaky-relu 0.3", "elu 0.3"]
    assert [v.path for v in three] == [(f"activation_{n}",) for n in ("relu", "leaky-relu", "elu")]
    both = variants_of(config(activation="leaky-relu", alpha="0.1,0.3"))
    assert [v.path for v in both] == [("alpha_0.1",), ("alpha_0.3",)]
    # Members of one group may differ in it.
    assert both[0].group == both[1].group
    # A run without it has the key that it had before there was one.
    assert "alpha" not in config().identity()
    assert config(activation="elu", alpha=0.5).identity()["alpha"] == [0.5]


def test_a_list_of_values_is_a_comparison() -> None:
    (one,) = variants_of(config())
    assert one.path == ()
    assert one.learning_rate == networks.DEFAULT_RATES["momentum"]
    four = variants_of(config(init="he,xavier", optimiser=["adam", "sgd"]))
    assert [v.path for v in four] == [
        ("init_he", "optimiser_adam"),
        ("init_he", "optimiser_sgd"),
        ("init_xavier", "optimiser_adam"),
        ("init_xavier", "optimiser_sgd"),
    ]
    assert [v.learning_rate for v in four] == [
        networks.DEFAULT_RATES[n] for n in ("adam", "sgd")
    ] * 2
    assert nest([(four[0], {"a": 1}), (four[3], {"a": 2})]) == {
        "init_he": {"optimiser_adam": {"a": 1}},
        "init_xavier": {"optimiser_sgd": {"a": 2}},
    }
    assert [v.hidden_sizes for v in variants_of(config(hidden=[64, "8-9"]))] == [(64,), (8, 9)]


def test_members_of_one_shape_form_one_group() -> None:
    asked = config(init="he,xavier", learning_rate="0.1,0.2", activation="relu,tanh,prelu")
    problem = problem_of(asked, open_source("iris"))
    programs = member_groups_of(asked, problem, variants_of(asked))
    assert [len(program.members) for program in programs] == [16, 8]
    assert {m.variant.activation for m in programs[1].members} == {"prelu"}
    alone = member_groups_of(asked, problem, variants_of(asked), isolate=True)
    assert [len(program.members) for program in alone] == [1] * 24
    for program in programs:
        net = network_of(asked, program)
        count = sum(parameter[0].numel() for parameter in net.leaves.values())
        assert count == program.architecture.n_parameters


def test_each_seed_has_its_own_parts_and_units() -> None:
    asked = config(n_seeds=3)
    data = open_source("iris").replicate(0, 0)
    problem = problem_of(asked, open_source("iris"))
    assert problem.class_names == ("0", "1", "2")
    for split in problem.splits:
        rows = np.concatenate([split.train, split.validation, split.test])
        assert np.array_equal(np.sort(rows), np.arange(150))
        # Each class has its share of every part.
        assert set(np.bincount(problem.t[split.test])) == {10}
        np.testing.assert_allclose(split.X_shift, data.X[split.train].mean(axis=0), rtol=1e-6)
        np.testing.assert_allclose(split.X_scale, data.X[split.train].std(axis=0), rtol=1e-5)
    assert not np.array_equal(problem.splits[0].test, problem.splits[1].test)
    assert not problem.independent


def test_fresh_draws_are_other_rows_for_each_seed() -> None:
    problem = problem_of(config(n_seeds=3), open_source("two-moons", n_samples=50))
    assert len(problem.X) == 150
    for index, split in enumerate(problem.splits):
        rows = np.concatenate([split.train, split.validation, split.test])
        assert np.array_equal(np.sort(rows), np.arange(50 * index, 50 * index + 50))
    assert problem.independent


def test_the_task_is_inferred_from_the_target(tmp_path: Path) -> None:
    def task(values: list[float]) -> str:
        path = tmp_path / "t.csv"
        path.write_text("x,t\n" + "".join(f"{i},{v}\n" for i, v in enumerate(values)))
        return problem_of(config(), open_source(str(path))).task

    assert task([0, 1] * 20) == "classification"
    assert task([0, 1.5] * 20) == "regression"
    assert task(list(range(40))) == "regression"


class SetWithOwnTest:
    """A source whose last rows are its own test part."""

    def __init__(self) -> None:
        self._source = open_source("iris")
        self.n_own_test = 30

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


def test_the_test_rows_of_a_data_set_are_never_split() -> None:
    problem = problem_of(config(n_seeds=2), SetWithOwnTest())  # type: ignore[arg-type]
    for split in problem.splits:
        assert np.array_equal(split.test, np.arange(120, 150))
        assert split.train.max() < 120
    assert problem.independent


def outcome(variant: Variant, seed: int, value: float) -> MemberOutcome:
    empty = np.zeros(0)
    return MemberOutcome(
        Member(variant, seed), {"test_accuracy": value}, empty, empty, None, None, 0
    )


@pytest.mark.parametrize("independent", [True, False])
def test_the_paired_test_equals_student_s_t_test(independent: bool) -> None:
    variants = [Variant({"init": name}, ("init",)) for name in ("a", "b", "c")]
    # Accuracies, whose difference is cut at -1 and 1 only where it reaches so far.
    noise = np.random.default_rng(0).normal(size=(3, 6))
    values = 0.5 + 0.05 * (noise + np.array([[0], [0.5], [2]]))
    outcomes = [
        outcome(variant, seed, values[i, seed])
        for i, variant in enumerate(variants)
        for seed in range(6)
    ]
    problem = problem_of(config(n_seeds=6), open_source("two-moons" if independent else "iris"))
    found = metrics.paired_tests(problem, variants, outcomes)
    pair = found["init_a - init_b"]
    t, p = stats.ttest_rel(values[0], values[1])
    if not independent:
        # Nadeau and Bengio: 1/n becomes 1/n + n_test/n_train.
        t /= np.sqrt(1 + 6 * problem.splits[0].test.size / problem.splits[0].train.size)
        p = 2 * stats.t.sf(abs(t), 5)
    assert pair["p_value"] == pytest.approx(p)
    assert pair["mean"] == pytest.approx((values[0] - values[1]).mean())
    half = stats.t.ppf(0.975, 5) * abs(pair["mean"] / t)
    assert pair["ci_high"] - pair["mean"] == pytest.approx(half)
    ordered = sorted(found.values(), key=lambda one: one["p_value"])
    assert ordered[0]["p_holm"] == pytest.approx(min(1, 3 * ordered[0]["p_value"]))
    assert ordered[2]["p_holm"] == pytest.approx(max(ordered[1]["p_holm"], ordered[2]["p_value"]))


def all_bytes(result: Any) -> list[Any]:
    texts = [json_text(result.metrics), *(csv_text(table) for table in result.tables.values())]
    tensors = [a.tobytes() for file in result.model_tensors.values() for a in file.values()]
    return [*texts, *tensors]


@pytest.mark.parametrize(
    ("values", "calls"),
    [
        ({"activation": "relu,prelu", "dropout": 0.1}, (2, 5, 7)),
        ({"normalisation": "batch", "optimiser": "adam", "patience": 1, "n_epochs": 9}, (3,)),
        ({"engine": "numpy", "optimiser": "momentum"}, (1, 6)),
        ({"activation": "leaky-relu,prelu,elu", "alpha": 0.4}, (2, 5)),
        ({"average_decay": 0.9, "activation": "relu,prelu"}, (2, 6)),
    ],
    ids=str,
)
def test_interrupted_training_resumes_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any], calls: tuple[int, ...]
) -> None:
    monkeypatch.setattr(fitting, "COPY_SECONDS", -1.0)
    asked, source = config(**values), open_source("iris")
    whole = run(prepare(asked, source), Context(Processes()))
    checkpoint = FileCheckpoint(tmp_path / ".x.checkpoint.npz")
    seen: list[float] = []

    def interrupting(done: float, total: float, **_: Any) -> None:
        seen.append(done)
        if len(seen) in calls:
            raise KeyboardInterrupt

    for _ in calls:
        with pytest.raises(Interrupted, match="goes on after epoch"):
            run(prepare(asked, source), Context(Processes(), interrupting, checkpoint))
        assert checkpoint.exists()
    resumed = run(prepare(asked, source), Context(Processes(), interrupting, checkpoint))
    # Nothing was done twice.
    assert len(seen) == len(set(seen))
    assert all_bytes(resumed) == all_bytes(whole)


def test_a_missing_or_damaged_checkpoint_loads_as_none(tmp_path: Path) -> None:
    checkpoint = FileCheckpoint(tmp_path / "c.npz")
    assert checkpoint.load() is None
    checkpoint.save({"a/b": np.arange(3)})
    assert np.array_equal((checkpoint.load() or {})["a/b"], np.arange(3))
    content = checkpoint.path.read_bytes()
    for damaged in (b"", content[:100], content.replace(b"versions", b"version_")):
        checkpoint.path.write_bytes(damaged)
        assert checkpoint.load() is None
    assert [path.name for path in tmp_path.iterdir()] == ["c.npz"]
    checkpoint.clear()
    assert not checkpoint.path.exists()


def test_averaged_weights_are_the_ones_that_are_evaluated() -> None:
    source = open_source("iris")

    def outcome_of(**values: Any) -> Any:
        return run(prepare(config(**values), source), Context(Processes()))

    last, same, smooth = (outcome_of(average_decay=d) for d in (None, 0.0, 0.99))
    assert all_bytes(same) == all_bytes(last)
    assert smooth.metrics["test_loss"] != last.metrics["test_loss"]
    for name, array in smooth.model_tensors["last"].items():
        assert not np.array_equal(array, last.model_tensors["last"][name])
        assert np.array_equal(smooth.model_tensors["best"][name], last.model_tensors["best"][name])
