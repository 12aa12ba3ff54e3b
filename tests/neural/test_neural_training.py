"""The loop: resume, repeat, early stopping, divergence, schedules and small numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from neural_cases import new, optimiser_of, problem, streams_of, trained

from mlcli.errors import InputError, NoAnswerError
from mlcli.neural.device import choose_device, find_device, find_dtype
from mlcli.neural.schedules import one_cycle
from mlcli.neural.training import EpochReport, TrainingSettings, TrainState

EVERYTHING = {"activation": "rrelu", "normalisation": "batch", "dropout": 0.2}
SEEDS = [0, 1, 2]


def long_run(name: str, until: int | None = None, state: TrainState | None = None) -> Any:
    """Six epochs with everything on, interrupted after `until` of them if asked."""
    X, labels = problem(70)
    net = new(SEEDS, dtype=torch.float32, **EVERYTHING)
    optimiser = optimiser_of(net, name, [0.01, 0.03, 1e-6], l1=1e-4)
    states = []

    def on_epoch(report: EpochReport) -> None:
        if report.epoch == until:
            states.append(report.state())
            raise KeyboardInterrupt

    settings = TrainingSettings(6, 16, one_cycle(), clip_norm=2.0, patience=2)
    options: dict[str, Any] = {"validation": (X[:30], labels[:30]), "on_epoch": on_epoch}
    try:
        run = trained(
            net,
            SEEDS,
            optimiser=optimiser,
            data=(X[30:], labels[30:]),
            settings=settings,
            state=state,
            **options,
        )
    except KeyboardInterrupt:
        return states[0]
    return net, run


@pytest.mark.parametrize("name", ["momentum", "adamw"])
@pytest.mark.parametrize("until", [1, 4])
def test_interrupted_and_resumed_is_uninterrupted_bit_for_bit(name: str, until: int) -> None:
    net, run = long_run(name)
    again, resumed = long_run(name, state=long_run(name, until))
    for key, tensor in net.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[key]), key
    assert run.history.keys() == resumed.history.keys()
    for key, curve in run.history.items():
        assert np.array_equal(curve, resumed.history[key]), key
    assert np.array_equal(run.best_epoch, resumed.best_epoch)
    assert np.array_equal(run.stopped, resumed.stopped)
    assert run.n_steps == resumed.n_steps


def test_same_call_same_bytes_whatever_the_global_seed() -> None:
    torch.manual_seed(1)
    net, _ = long_run("adam")
    torch.manual_seed(2)
    again, _ = long_run("adam")
    assert net.theta.numpy().tobytes() == again.theta.numpy().tobytes()


def test_each_member_stops_on_its_own_and_keeps_its_best() -> None:
    # Few rows with random labels: validation gets worse soon, for the fast learner first.
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(40, 5)), rng.integers(0, 3, 40)
    net = new([0, 0], normalisation="batch")
    weights: list[torch.Tensor] = []
    stopped: list[np.ndarray] = []

    def on_epoch(report: EpochReport) -> None:
        weights.append(net.theta.clone())
        stopped.append(report.stopped)

    run = trained(
        net,
        [0, 0],
        optimiser=optimiser_of(net, "momentum", [0.1, 0.003]),
        data=(X, labels),
        validation=(rng.normal(size=(40, 5)), rng.integers(0, 3, 40)),
        on_epoch=on_epoch,
        settings=TrainingSettings(60, 8, patience=3),
    )
    losses = run.history["validation_loss"]
    first = int(np.argmax([flags[0] for flags in stopped])) + 1
    assert first == run.best_epoch[0] + 3 < run.n_epochs
    assert run.best_epoch[0] < run.best_epoch[1]
    for m in range(2):
        assert losses[:, m].argmin() + 1 == run.best_epoch[m]
    # After it stopped, member 0 shows its best again and again.
    best = losses[run.best_epoch[0] - 1, 0]
    assert (losses[first:, 0] == best).all()
    assert all(torch.equal(net.theta[0], theta[0]) for theta in weights[first - 1 :])
    assert torch.equal(net.theta[0], weights[run.best_epoch[0] - 1][0])
    assert torch.equal(net.theta[1], weights[run.best_epoch[1] - 1][1])


def test_divergence_names_step_and_member() -> None:
    net = new([0, 1], activation="linear", scheme="normal")
    optimiser = optimiser_of(net, "sgd", [1e-3, 1e6])
    with pytest.raises(NoAnswerError, match=r"member 1 at step \d+ must be finite"):
        trained(net, [0, 1], optimiser=optimiser, settings=TrainingSettings(20, 8))


def test_a_diverged_member_leaves_the_others_alone() -> None:
    settings = TrainingSettings(20, 8, raise_on_divergence=False)
    net, alone = new([0, 1], activation="linear"), new([0], activation="linear")
    run = trained(net, [0, 1], optimiser=optimiser_of(net, "sgd", [1e-3, 1e6]), settings=settings)
    trained(alone, [0], optimiser=optimiser_of(alone, "sgd", 1e-3), settings=settings)
    assert run.diverged_at[0] == 0 < run.diverged_at[1]
    assert list(run.stopped) == [False, True]
    torch.testing.assert_close(net.theta[0], alone.theta[0], rtol=0, atol=1e-10)


def test_the_schedule_is_on_the_learning_rate() -> None:
    """A factor of 0 at first leaves all where it is."""
    net = new([0])
    start = net.theta.clone()
    same: list[bool] = []
    trained(
        net,
        [0],
        settings=TrainingSettings(4, 10, lambda step, n: float(step >= n // 2)),
        on_epoch=lambda report: same.append(torch.equal(net.theta, start)),
    )
    assert same == [True, True, False, False]


@pytest.mark.parametrize(("dtype", "autocast"), [(torch.float32, False), (torch.float32, True)])
def test_single_and_bfloat16_learn_as_double(dtype: torch.dtype, autocast: bool) -> None:
    double, other = new([0, 1]), new([0, 1], dtype=dtype)
    exact = trained(double, [0, 1], settings=TrainingSettings(5, 8))
    rough = trained(other, [0, 1], settings=TrainingSettings(5, 8, autocast=autocast))
    assert other.theta.dtype == dtype
    tolerance = 0.03 if autocast else 1e-4
    np.testing.assert_allclose(
        rough.history["train_loss"], exact.history["train_loss"], rtol=tolerance
    )
    if autocast:
        assert not np.allclose(rough.history["train_loss"], exact.history["train_loss"], rtol=1e-6)


def test_training_scores_are_optional() -> None:
    net = new([0])
    reports: list[EpochReport] = []
    run = trained(
        net, [0], settings=TrainingSettings(2, 8, evaluate_training=False), on_epoch=reports.append
    )
    assert list(run.history) == ["minibatch_loss"]
    np.testing.assert_allclose(
        run.history["minibatch_loss"][1], reports[1].step_losses.mean(axis=0)
    )
    assert reports[1].train is None
    assert reports[1].validation is None
    assert reports[1].step_losses.shape == (7, 1)
    assert [report.step for report in reports] == [7, 14]


def test_arguments_that_do_not_belong_together_are_refused() -> None:
    X, labels = problem()
    for change in (
        {"seeds": [0]},
        {"data": (X, labels[:-1])},
        {"settings": TrainingSettings(0, 8)},
        {"settings": TrainingSettings(1, 0)},
    ):
        net = new([0, 1])
        with pytest.raises(ValueError):
            trained(net, **({"seeds": [0, 1]} | change))  # type: ignore[arg-type]


def test_devices_are_found_by_name_and_unknown_ones_refused() -> None:
    assert find_device("cpu").type == "cpu"
    assert choose_device("auto", 0).device.type == "cpu"
    assert find_dtype("float64", torch.device("cpu")) is torch.float64
    with pytest.raises(InputError, match="must be one of"):
        find_device("tpu")
    with pytest.raises(InputError, match="must be one of"):
        find_dtype("float8", torch.device("cpu"))
    with pytest.raises(InputError, match="float32"):
        find_dtype("float64", torch.device("mps"))
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="no cuda device"):
            find_device("cuda")


def test_streams_have_an_order_of_their_own_per_epoch() -> None:
    one, two = (stream("order", 0).permutation(20) for stream in streams_of([0, 1]))
    assert not np.array_equal(one, two)


@pytest.mark.parametrize("max_steps", [1, 7, 12, 13])
def test_training_ends_after_the_most_steps_in_the_middle_of_an_epoch(max_steps: int) -> None:
    seen: list[int] = []
    net = new([0, 1])
    settings = TrainingSettings(
        3, 16, lambda step, n: seen.append(step) or n / 1000, max_steps=max_steps
    )
    run = trained(net, [0, 1], settings=settings)
    assert run.n_steps == min(max_steps, 12)  # 3 epochs of 50 rows: 16, 16, 16, 2
    assert seen == list(range(run.n_steps))
    assert run.n_epochs == -(-run.n_steps // 4)


def test_the_best_and_the_last_weights_are_both_kept() -> None:
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(40, 5)), rng.integers(0, 3, 40)
    kept: list[dict[str, torch.Tensor]] = []

    def run(**how: Any) -> Any:
        kept.clear()
        net = new([0, 1], normalisation="batch")
        done = trained(
            net,
            [0, 1],
            data=(X[:20], labels[:20]),
            validation=(X[20:], labels[20:]),
            optimiser=optimiser_of(net, "adam", [0.05, 0.01]),
            settings=TrainingSettings(25, 5, **how),
            on_epoch=lambda _: kept.append({k: v.clone() for k, v in net.state_dict().items()}),
        )
        return net, done

    net, done = run(keep_best=True)
    assert (done.best_epoch < 25).all()
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, kept[-1][name])
        assert torch.equal(tensor, done.last[name])
        for m, epoch in enumerate(done.best_epoch):
            assert torch.equal(done.best[name][m], kept[epoch - 1][name][m])
    without = [dict(one) for one in kept]
    net, stopped = run(patience=4)
    assert np.array_equal(stopped.best_epoch, done.best_epoch)
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, done.best[name])
        # The last weights are those at the stop, four epochs after the best.
        for m, epoch in enumerate(done.best_epoch):
            assert torch.equal(stopped.last[name][m], without[epoch + 3][name][m])
    assert run()[1].best == {}
