"""Networks on another device than the CPU: see `other_device`."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_iris

from mlcli.errors import InputError
from mlcli.estimators import CNNClassifier, MLPClassifier, MLPRegressor
from mlcli.experiments.networks import fitting
from mlcli.experiments.propagate.config import PropagateConfig
from mlcli.experiments.propagate.training import device_of
from mlcli.neural import device as devices
from mlcli.neural.device import choose_device, repeatable, to_numpy
from tests.neural.neural_cases import new as new_net
from tests.neural.neural_cases import optimiser_of, trained
from tests.neural.other_device import KINDS, DeviceTensor, other_device, without_workspace

Run = Callable[..., Any]
MLP = "train-mlp --data iris.csv --hidden 6-5 --n-epochs 2 --n-seeds 2 --batch-size 16"
CNN = "train-cnn --data images.npz --n-epochs 2 --n-seeds 2 --batch-size 16 --learning-rate 0.01"
# Every network path of the commands, by a name.
RUNS = {
    "activations": f"{MLP} --activation tanh,prelu,rrelu --alpha 0.4 --dropout 0.2 --patience 1",
    "normalisations": f"{MLP} --normalisation batch,layer --optimiser adam"
    " --clip-norm 1 --l1 1e-4 --l2 1e-4 --average-decay 0.9 --keep-weights all",
    "regression": f"{MLP} --task regression --optimiser adamw --schedule one-cycle --n-epochs 3",
    "bf16": f"{MLP} --precision bf16",
    "cnn": f"{CNN} --layers scan|flatten --augment-flip --augment-rotate 5 --augment-shift 1"
    " --augment-crop 1 --augment-cutout 2 --test-views --max-shift 1",
    "fcn": f"{CNN} --layers fcn --deploy-size 20 --average-decay 0.5 --no-equal-mlp --max-shift 0",
    "cnn-bf16": f"{CNN} --layers scan --precision bf16 --max-shift 1",
    "lr-find": "lr-find --data iris.csv --hidden 8 --n-seeds 2 --n-steps 120 --batch-size 16"
    " --compare-epochs 1",
    "lr-find-cnn": "lr-find --network cnn --data images.npz --layers flatten --n-seeds 1"
    " --n-steps 120 --batch-size 16 --compare-epochs 1",
    "propagate": "propagate --activations relu --inits he --depths 2 --width 8 --n-rows 4"
    " --n-seeds 2 --sign-counts 2 --batch-sizes 1,4 --n-batches 1 --train-depth 2 --train-width 8"
    " --train-steps 12 --train-rows 40 --train-batch 20 --train-seeds 2",
    "baseline": "baseline --data images.npz --methods mlp,cnn --n-folds 2 --n-epochs 1"
    " --cnn-epochs 1 --hidden 6",
}
# With every kind of layer, behind names without a space.
LAYERS = {
    "scan|flatten": "conv 4 3x3 pad same,prelu,pool max 2,batch-norm,rrelu,residual 4 stride 2,"
    "pool avg 2,flatten,dense 6,batch-norm,relu,dropout 0.25",
    "scan": "scan 3,tanh,dense 5,relu",
    "flatten": "conv 3 3x3,pool max 2,relu,flatten",
    "fcn": "conv 4 3x3 pad same,pool max 2,relu",
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A machine with one device of a kind."""
    with other_device(request.param, monkeypatch):
        yield request.param


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A machine with one cuda device, which also lacks what mps lacks."""
    with other_device("cuda", monkeypatch, float64=False):
        yield "cuda"


@pytest.fixture
def data(empty_folder: Path) -> Path:
    """A working folder with the data of `RUNS`."""
    write_data()
    return empty_folder


def write_data() -> None:
    """75 flowers as a table, and 60 images of three digits."""
    X, y = load_iris(return_X_y=True)
    lines = [",".join(map(str, [*x, int(t)])) for x, t in zip(X[::2], y[::2], strict=True)]
    Path("iris.csv").write_text("\n".join(["a,b,c,d,t", *lines]) + "\n")
    X, y = load_digits(n_class=3, return_X_y=True)
    np.savez("images.npz", X=X[:60].reshape(-1, 8, 8), y=y[:60])


def words(command: str) -> list[str]:
    return [LAYERS.get(word, word) for word in command.split()]


def details(mlcli: Run, command: str, *more: str) -> Any:
    done = mlcli(*words(command), "--no-plots", "--quiet", "--json", *more)
    assert done.code == 0, done.err
    return done.json


def assert_close(one: Any, other: Any, place: str = "") -> None:
    """Equal, numbers to 1e-4: convolutions have another layout in memory on a CPU."""
    if isinstance(one, Mapping):
        assert one.keys() == other.keys(), place
        for key in one:
            assert_close(one[key], other[key], f"{place}.{key}")
    elif isinstance(one, float):
        assert other == pytest.approx(one, rel=1e-4, abs=1e-6), place
    else:
        assert one == other, place


@pytest.mark.usefixtures("data", "every_digit")
@pytest.mark.parametrize("name", RUNS)
def test_a_run_on_another_device_has_the_numbers_of_the_cpu(
    mlcli: Run, strict: str, name: str
) -> None:
    here = details(mlcli, RUNS[name], "--device", "cpu", "--out", "here")
    there = details(mlcli, RUNS[name], "--device", strict, "--out", "there")
    assert_close(here, there)
    made = json.loads(Path("there/manifest.json").read_text())
    assert {one["device"].partition(":")[0] for one in made["devices"]} == {strict}
    assert f"on {strict} " in made["determinism"]


@pytest.mark.usefixtures("data", "every_digit")
def test_mps_has_the_numbers_of_the_cpu_and_promises_no_bytes(
    mlcli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = details(mlcli, RUNS["cnn-bf16"], "--device", "cpu", "--out", "here")
    with other_device("mps", monkeypatch):
        there = details(mlcli, RUNS["cnn-bf16"], "--device", "mps", "--out", "there")
    assert_close(here, there)
    made = json.loads(Path("there/manifest.json").read_text())
    assert "on mps torch has no deterministic settings" in made["determinism"]


@pytest.mark.usefixtures("data")
def test_the_numpy_engine_computes_on_the_cpu_of_a_machine_with_a_gpu(
    mlcli: Run, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "WORTH_A_GPU", 1)
    details(mlcli, f"{MLP} --engine numpy --activation relu,rrelu", "--out", "run")
    made = json.loads(Path("run/manifest.json").read_text())
    assert made["devices"] == [{"device": "cpu", "reason": "NumPy computes on the CPU"}]


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("name", ["activations", "cnn", "bf16"])
def test_a_saved_network_predicts_evaluates_and_exports_on_another_device(
    mlcli: Run, strict: str, name: str
) -> None:
    details(mlcli, RUNS[name], "--device", strict, "--out", "run")
    rows = RUNS[name].split()[2]
    found = []
    for device in ("cpu", strict):
        on = ("--device", device)
        predicted = mlcli("predict", "run", rows, "--out", f"{device}.csv", *on)
        assert predicted.code == 0, predicted.err
        scores = mlcli("evaluate", "run", rows, "--json", *on)
        assert scores.code == 0, scores.err
        table = np.genfromtxt(f"{device}.csv", delimiter=",", names=True, dtype=None)
        numbers = [n for n in table.dtype.names if table[n].dtype.kind == "f"]
        found.append((np.stack([table[n] for n in numbers]), scores.json))
    np.testing.assert_allclose(found[0][0], found[1][0], atol=1e-5)
    assert_close(found[0][1], found[1][1])
    exported = mlcli("export", "run", "--to", "safetensors", "--out", "m.safetensors")
    # Numbers in bfloat16 can't be exported, whatever the device.
    assert exported.code == (2 if name == "bf16" else 0), exported.err


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize(
    ("message", "code", "said"),
    [
        ("CUDA out of memory. Tried to allocate 2 GiB", 1, "mlcli: out of memory; try fewer rows"),
        ("mat1 and mat2 shapes cannot be multiplied", 2, "does not hold a model that can be read"),
    ],
)
def test_a_full_gpu_is_not_a_damaged_model(
    mlcli: Run, message: str, code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError(message)

    details(mlcli, MLP, "--out", "run")
    monkeypatch.setattr("mlcli.neural.restored.RestoredNetworks.outputs", fail)
    done = mlcli("predict", "run", "iris.csv")
    assert done.code == code
    assert said in done.err


@pytest.mark.usefixtures("data", "every_digit")
@pytest.mark.parametrize("name", ["activations", "normalisations"])
def test_a_training_on_another_device_goes_on_after_an_interrupt(
    mlcli: Run, strict: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [*words(RUNS[name]), "--device", strict, "--no-plots", "--quiet", "--out"]
    assert mlcli(*command, "whole").code == 0
    show = fitting.CheckpointCallback.show

    def interrupt(callback: Any, number: int, epoch: int, note: str) -> None:
        show(callback, number, epoch, note)
        if epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fitting.CheckpointCallback, "is_due", True)
        patch.setattr(fitting.CheckpointCallback, "show", interrupt)
        assert mlcli(*command, "parts").code == 130
    assert mlcli(*command, "parts").code == 0
    for file in ("details.json", "tables/curves.csv", "model/last.safetensors"):
        assert Path("parts", file).read_bytes() == Path("whole", file).read_bytes(), file


@pytest.mark.parametrize("precision", ["float32", "float64", "bf16"])
def test_estimators_predict_on_another_device_as_on_the_cpu(kind: str, precision: str) -> None:
    if kind == "mps" and precision == "float64":
        with pytest.raises(InputError, match="mps device has no float64"):
            MLPClassifier((4,), device=kind, precision=precision).fit(
                [[0.0], [1.0]] * 9, [0, 1] * 9
            )
        return
    X, y = load_iris(return_X_y=True)
    how = {"n_epochs": 2, "n_members": 2, "precision": precision, "random_state": 0}
    tolerance = 0.05 if precision == "bf16" else 1e-4
    for make, t in ((MLPClassifier, y), (MLPRegressor, X[:, 3])):
        here, there = (make((5,), device=d, **how).fit(X, t) for d in ("cpu", kind))
        there = pickle.loads(pickle.dumps(there))
        np.testing.assert_allclose(
            here.predict(X), there.predict(X), rtol=tolerance, atol=tolerance
        )
    images, digits = load_digits(n_class=3, return_X_y=True)
    images, digits = images[:60], digits[:60]
    here, there = (
        CNNClassifier(architecture=["conv 3 3x3", "relu", "flatten"], device=d, **how)
        .fit(images, digits)
        .predict_proba(images)
        for d in ("cpu", kind)
    )
    np.testing.assert_allclose(here, there, atol=tolerance)


def test_networks_start_from_the_same_numbers_on_every_device(kind: str) -> None:
    here = new_net([0, 1], dtype=torch.float32)
    there = new_net([0, 1], dtype=torch.float32, device=kind)
    assert isinstance(there.theta, DeviceTensor)
    assert torch.equal(here.theta, torch.from_numpy(to_numpy(there.theta)))
    assert all(one.device.type == "cpu" for one in there.noise)


def test_auto_takes_the_gpu_from_a_size_on(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    below, above = (choose_device("auto", devices.WORTH_A_GPU + n) for n in (-1, 0))
    assert (below.device.type, above.device.type) == ("cpu", kind)
    assert "fewer than 3e+07" in below.reason
    assert "at least 3e+07" in above.reason
    assert choose_device("cpu", 10**12).device.type == "cpu"
    assert choose_device(kind, 1).device.type == kind
    double = choose_device("auto", 10**12, "float64").device.type
    assert double == ("cuda" if kind == "cuda" else "cpu")


def test_a_worker_that_computes_on_the_cpu_does_not_ask_for_a_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ask() -> bool:
        raise AssertionError("a copy of a process can't ask CUDA")

    monkeypatch.setattr(torch.cuda, "is_available", ask)
    assert choose_device("cpu", 1).device.type == "cpu"
    assert device_of(PropagateConfig(device="cpu")).device.type == "cpu"


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize(("bound", "where"), [(10**9, "cpu"), (1, "gpu")])
def test_the_manifest_says_which_device_auto_chose_and_why(
    mlcli: Run, kind: str, bound: int, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "WORTH_A_GPU", bound)
    details(mlcli, MLP, "--out", "run")
    (made,) = json.loads(Path("run/manifest.json").read_text())["devices"]
    assert made["device"].partition(":")[0] == ("cpu" if where == "cpu" else kind)
    # Two members, 16 rows, 4 x 6 + 6 x 5 + 5 x 3 multiplications.
    assert made["reason"].startswith("2.2e+03 multiplications per step are ")
    again = mlcli("verify", "run")
    assert again.code == 0, again.out + again.err
    assert f"{kind} from" in mlcli("doctor", "--json").json["devices"]["auto"]


@pytest.mark.usefixtures("data")
def test_a_machine_without_a_gpu_records_no_choice(
    mlcli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    details(mlcli, MLP, "--out", "run")
    made = json.loads(Path("run/manifest.json").read_text())
    assert "devices" not in made
    assert "on cuda" not in made["determinism"]
    assert mlcli("doctor", "--json").json["devices"]["auto"] == "cpu, there is no other"


@pytest.mark.usefixtures("data")
def test_verify_says_that_a_run_was_made_on_a_device_that_is_not_here(
    mlcli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, other_device("cuda", patch):
        details(mlcli, MLP, "--device", "cuda", "--out", "run")
    found = mlcli("verify", "run")
    assert "there is no cuda device on this machine" in found.out + found.err


def settings() -> tuple[Any, ...]:
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    return (
        torch.are_deterministic_algorithms_enabled(),
        cudnn.benchmark,
        cudnn.deterministic,
        cudnn.conv.fp32_precision,
        matmul.fp32_precision,
        torch.utils.deterministic.fill_uninitialized_memory,
        torch.get_num_threads(),
    )


def test_cuda_is_deterministic_inside_the_block_and_as_before_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_workspace(monkeypatch)
    before = settings()
    with suppress(ZeroDivisionError), repeatable(torch.device("cuda"), 1):
        assert settings() == (True, False, True, "ieee", "ieee", False, 1)
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
        raise ZeroDivisionError
    assert settings() == before
    for kind in ("cpu", "mps"):
        with repeatable(torch.device(kind), torch.get_num_threads()):
            assert settings() == before


@pytest.mark.parametrize(("given", "kept"), [(":16:8", ":16:8"), (":0:0", ":4096:8")])
def test_a_deterministic_workspace_of_cublas_that_is_set_stays(
    given: str, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", given)
    with repeatable(torch.device("cuda"), 1):
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == kept


def test_only_one_module_moves_results_to_the_host_and_makes_generators() -> None:
    package = Path(devices.__file__).parents[1]
    calls = (".numpy()", "torch.Generator(", ".double()")
    found = [
        f"{path.relative_to(package)}: {call}"
        for path in sorted(package.rglob("*.py"))
        for call in calls
        if call in path.read_text() and path.name != "device.py"
    ]
    # Of results that were counted as integers and are already on the host.
    assert found == ["neural/layer_statistics.py: .double()"]


# Each fault on the device where it is one, and what the device says.
FAULTS: Mapping[str, tuple[str, Callable[[torch.Tensor], Any], str]] = {
    "NumPy sees a device's memory": ("cuda", lambda x: x.numpy(), "can't convert"),
    "np.asarray of a tensor": ("mps", np.asarray, "can't convert"),
    "a product with a tensor of the CPU": ("mps", lambda x: x @ torch.ones(2, 2), "same device"),
    "a sum with a tensor of the CPU": ("cuda", lambda x: x.add_(torch.ones(2)), "same device"),
    "rows of the CPU into the device": (
        "cuda",
        lambda x: x.__setitem__(0, torch.ones(2)),
        "same device",
    ),
    "a foreign generator": (
        "cuda",
        lambda x: x.bernoulli_(0.5, generator=torch.Generator()),
        "generator",
    ),
    "a foreign generator where nothing is yet": (
        "mps",
        lambda x: torch.rand(2, generator=torch.Generator(), device="mps"),
        "generator",
    ),
    "float64 by a method": ("mps", lambda x: x.double(), "float64"),
    "float64 by its type": ("mps", lambda x: x.to(torch.float64), "float64"),
    "float64 from NumPy": ("mps", lambda x: torch.as_tensor(np.ones(2), device="mps"), "float64"),
    "a product without deterministic algorithms": ("cuda", lambda x: x @ x, "deterministic"),
    "a convolution without them": (
        "cuda",
        lambda x: torch.nn.functional.conv2d(x[None, None], x[None, None]),
        "deterministic",
    ),
    "a sum that has none": (
        "cuda",
        lambda x: in_blocks(lambda: x.cumsum(0)),
        "deterministic implementation",
    ),
    "a gradient that has none": (
        "cuda",
        lambda x: in_blocks(
            lambda: torch.nn.functional.adaptive_avg_pool2d(x[None].requires_grad_(), 1)
        ),
        "deterministic implementation",
    ),
}


def in_blocks(work: Callable[[], Any]) -> Any:
    with repeatable(torch.device("cuda"), 1):
        return work()


@pytest.mark.parametrize("fault", FAULTS)
def test_the_device_of_these_tests_refuses(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, call, message = FAULTS[fault]
    with other_device(kind, monkeypatch):
        x = torch.ones(2, 2, device=kind)
        with pytest.raises((TypeError, RuntimeError), match=message):
            call(x)


def test_the_device_of_these_tests_refuses_a_product_with_half_of_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with other_device("cuda", monkeypatch), repeatable(torch.device("cuda"), 1):
        x = torch.ones(2, 2, device="cuda")
        assert (x @ x)[0, 0] == 2.0
        torch.backends.cuda.matmul.fp32_precision = "tf32"
        with pytest.raises(RuntimeError, match="TF32"):
            x @ x
        torch.backends.cuda.matmul.fp32_precision = "ieee"
        monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
        with pytest.raises(RuntimeError, match="CuBLAS"):
            x @ x


def test_the_device_of_these_tests_computes_what_the_cpu_does(kind: str) -> None:
    nets = [new_net([0], dtype=torch.float32, device=d) for d in ("cpu", kind)]
    with repeatable(torch.device(kind), 1):
        curves = [trained(net, [0], optimiser=optimiser_of(net)).history for net in nets]
    for name, curve in curves[0].items():
        assert np.array_equal(curve, curves[1][name]), name
    assert nets[1].theta.device.type == kind
    x = torch.arange(4.0).to(kind)
    x[1:3] = 7.0
    assert to_numpy(x).tolist() == [0.0, 7.0, 7.0, 3.0]
    copied = x.cpu()
    copied += 1.0
    assert x.tolist() == [0.0, 7.0, 7.0, 3.0]


def test_the_measurements_of_a_gpu_run_on_a_cpu(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.proofs import gpu

    assert gpu.main(["--device", "cpu", "--small"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for what in ("one step, residual network: same bytes twice", "command fcn: same bytes twice"):
        (line,) = [one for one in lines if one.startswith(what)]
        assert line.endswith("yes")
    assert any(one.startswith("Fashion-MNIST to 0.935") and "accuracy" in one for one in lines)
    monkeypatch.setattr(gpu, "accelerator", lambda: None)
    assert gpu.main([]) == 2
    assert "there is no GPU here" in capsys.readouterr().err


def test_the_measurements_of_a_gpu_fail_where_bytes_differ(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from tests.proofs import gpu

    table = gpu.Table(t_end=0.0)
    table.row("same bytes twice", "", False)
    table.row("speed", "3 ms")
    assert table.failed == ["same bytes twice"]
    assert table.late("more")
    assert capsys.readouterr().out.count("NO") == 1
