"""`mlcli lr-find` from the command line: contract, suggestions, --apply, and when there is none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlcli.experiments.lr_find.about import ABOUT
from mlcli.params.yaml_file import read_yaml
from tests.experiments.contract import Cases

Run = Callable[..., Any]
CASES = Cases(
    small="--hidden 16 --n-seeds 2 --n-steps 120 --compare-epochs 2",
    anywhere=("--n-steps 50 --hidden 4 --batch-size 4 --compare-epochs 0",),
    refused={
        "--rate-min 1 --rate-max 1": "must be above rate_min, got 1 and 1",
        "--rate-min 0": "lr_find.rate_min must be a finite number above 0",
        "--n-steps 49": "at least 50",
        "--smoothing 1": "below 1",
        "--divergence 1": "above 1",
        "--init hee": "try he",
        "--data digitz": "digits",
        "--learning-rate 1": "unknown flag --learning-rate",
        "-S lr_find.learning_rate=1": "unknown key 'learning_rate'",
        "--batch-size 5000": "at most 1295, the training rows",
    },
)
SMALL = ("lr-find", "--hidden", "16", "--n-seeds", "3", "--n-steps", "120")
QUICK = (*SMALL, "--compare-epochs", "0", "--no-plots")
BARE = (*QUICK, "--quiet", "--json")
RULES = {"valley", "steep", "slide", "minimum"}
PARAMS = """\
# The network of the thesis.
train_mlp:
  data: digits   # small
  hidden: 16
  schedule: [constant, cosine]  # which?
  n_epochs: 3

fit_poly:
    degrees: [1, 3]
    l1: 1.0e-3
"""


def test_a_run_writes_the_announced_files_with_the_same_bytes_twice(
    mlcli: Run, empty_folder: Path
) -> None:
    arguments = (*SMALL, "--compare-epochs", "2")
    plan = mlcli(*arguments, "--out", "a", "--dry-run", "--json")
    assert plan.code == 0
    for folder in ("a", "b"):
        assert mlcli(*arguments, "--out", folder, "--quiet").code == 0
    names = {p.relative_to("a").as_posix() for p in Path("a").rglob("*") if p.is_file()}
    assert names == set(plan.json["files"])
    assert names >= set(ABOUT.files) | {f"figures/{name}.png" for name in ABOUT.figures}
    for name in names - {"environment.json", "timings.json"}:
        assert Path("a", name).read_bytes() == Path("b", name).read_bytes(), name


def test_eta_max_is_a_tenth_of_eta_crit_and_beats_bad_rates(mlcli: Run) -> None:
    done = mlcli(*SMALL, "--compare-epochs", "5", "--no-plots", "--quiet", "--json")
    found = done.json
    eta = found["eta_crit"]
    assert eta["n"] == found["n_diverged"] == 3
    assert eta["ci_low"] < eta["mean"] < eta["ci_high"]
    assert eta["scale"] == "log10"
    assert found["eta_max"]["mean"] == pytest.approx(eta["mean"] / 10)
    assert found["eta_min"]["mean"] == pytest.approx(eta["mean"] / 100)
    assert set(found["suggestions"]) == RULES
    for rule in found["suggestions"].values():
        assert rule["n"] == 3
        assert rule["ci_low"] <= rule["mean"] <= rule["ci_high"]
        assert 1e-5 <= rule["mean"] <= eta["mean"] * 2
    comparison = found["comparison"]
    assert comparison["one_cycle"]["learning_rate"] == pytest.approx(eta["mean"] / 10, rel=0.01)
    for bad in ("fixed_eta_max_100th", "fixed_eta_crit"):
        difference = comparison["differences"][f"one_cycle - {bad}"]
        assert difference["n_better"] == 3, bad
        assert difference["mean"] is None or difference["mean"] > 0.02, bad


def test_training_reads_the_suggested_settings(mlcli: Run, empty_folder: Path) -> None:
    assert mlcli(*BARE, "--out", "o", "--optimiser", "adam", "--activation", "tanh").code == 0
    section = read_yaml(Path("o/one_cycle.yaml")).values["train_mlp"]
    assert section["hidden"] == "16"
    assert section["optimiser"] == "adam"
    eta_0 = section["learning_rate"] * section["cycle_final"]
    assert eta_0 == pytest.approx(1e-6, rel=1e-5)
    done = mlcli(
        "train-mlp",
        "--params",
        "o/one_cycle.yaml",
        "--n-epochs",
        "2",
        "--n-seeds",
        "2",
        "--dry-run",
        "--json",
    )
    assert done.code == 0, done.err
    config = done.json["config"]
    assert config["learning_rate"] == {"value": [section["learning_rate"]], "source": "file"}
    assert config["activation"]["value"] == ["tanh"]
    assert config["schedule"]["value"] == ["one-cycle"]


def test_variants_have_rates_of_their_own(mlcli: Run, empty_folder: Path) -> None:
    done = mlcli(
        *SMALL,
        "--compare-epochs",
        "1",
        "--out",
        "o",
        "--init",
        "zeros,he",
        "--optimiser",
        "sgd,adam",
        "--json",
    )
    assert done.code == 0, done.err
    found = done.json
    assert found["init_zeros"]["optimiser_sgd"]["eta_crit"]["mean"] is None
    rates = [found["init_he"][f"optimiser_{one}"]["eta_max"]["mean"] for one in ("sgd", "adam")]
    assert rates[0] > 3 * rates[1]
    assert "3 of 3 members of init_zeros optimiser_sgd have a loss that never falls" in done.err
    assert "one_cycle.yaml has the settings of init_he optimiser_sgd alone" in done.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--init", "zeros"), "the loss never falls by a tenth"),
        (
            ("--rate-max", "0.01"),
            "no member diverges up to the rate 0.01, so there is no eta_crit; try --rate-max 0.1",
        ),
        (("--rate-min", "5"), "the loss diverges before it has ever fallen, the first at step 1"),
        (
            ("--rate-min", "0.25", "--hidden", "64-32"),
            "try --rate-min 0.00025, since the loss falls within the first steps already",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_no_suggestion_exits_with_4_and_a_reason(
    mlcli: Run, empty_folder: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    done = mlcli(*BARE, *arguments)
    assert done.code == 4
    assert sentence in done.err
    assert len(done.err.splitlines()) == 1
    assert not list(empty_folder.rglob("details.json"))


def test_apply_changes_four_keys_and_nothing_else(mlcli: Run, empty_folder: Path) -> None:
    Path("params.yaml").write_text(PARAMS, encoding="utf-8")
    os.chmod("params.yaml", 0o640)
    # A run that is there already is applied all the same.
    assert mlcli(*QUICK).code == 0
    assert Path("params.yaml").read_text(encoding="utf-8") == PARAMS
    done = mlcli(*QUICK, "--apply")
    assert done.code == 0
    assert "already done" in done.err
    section = read_yaml(Path("params.yaml")).values["train_mlp"]
    lines = Path("params.yaml").read_text(encoding="utf-8").splitlines()
    for key in ("learning_rate", "schedule", "cycle_start", "cycle_final"):
        assert f"params.yaml: train_mlp.{key}: {section[key]}" in done.err
    assert "train_mlp.schedule: one-cycle, was ['constant', 'cosine']" in done.err
    kept = [line for line in PARAMS.splitlines() if "schedule" not in line]
    assert [line for line in lines if line in kept] == kept
    assert len(lines) == len(PARAMS.splitlines()) + 3
    assert "schedule: one-cycle" in "\n".join(lines)
    assert os.stat("params.yaml").st_mode & 0o777 == 0o640
    assert not list(empty_folder.glob(".*partial"))
    # --hidden is a flag here, and the file happens to say the same; it is told of all the same.
    assert "note: hidden did not come from section train_mlp" in done.err
    assert mlcli("train-mlp", "--n-epochs", "1", "--dry-run").code == 0


def test_apply_creates_a_missing_params_file(mlcli: Run, empty_folder: Path) -> None:
    assert mlcli(*QUICK, "--apply", "--quiet").code == 0
    assert set(read_yaml(Path("params.yaml")).values) == {"train_mlp"}
    Path("other.yaml").write_text("train_mlp:\nfit_poly:\n  seed: 1\n", encoding="utf-8")
    Path("params.yaml").unlink()
    assert mlcli(*QUICK, "--apply", "--quiet", "--params", "other.yaml").code == 0
    assert read_yaml(Path("other.yaml")).values["train_mlp"]["cycle_start"] == 0.1
    assert not Path("params.yaml").exists()
    before = Path("other.yaml").read_bytes()
    assert mlcli(*QUICK, "--apply", "--dry-run", "--params", "other.yaml").code == 0
    assert Path("other.yaml").read_bytes() == before


def test_apply_is_refused_in_a_dvc_stage_and_with_several_variants(
    mlcli: Run, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = mlcli(*QUICK, "--apply", "--init", "he,xavier")
    assert done.code == 2
    assert "--apply has one answer to write, and 2 variants are compared" in done.err
    monkeypatch.setenv("DVC_STAGE", "lr_find")
    done = mlcli(*QUICK, "--apply")
    assert done.code == 2
    assert "a DVC stage must not do" in done.err
    assert not list(empty_folder.iterdir())


def test_lr_find_works_for_a_regression(mlcli: Run, empty_folder: Path) -> None:
    done = mlcli(*SMALL, "--data", "noisy-cubic", "--compare-epochs", "1", "--out", "o", "--json")
    assert done.code == 0, done.err
    assert "test_mse" in done.json["comparison"]["one_cycle"]
    assert mlcli("report", "o", "--out", "page.html").code == 0
    assert "Finding the learning rate" in Path("page.html").read_text(encoding="utf-8")


def test_ctrl_c_exits_with_130_and_one_line(empty_folder: Path) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "mlcli",
            "lr-find",
            "--n-steps",
            "10000",
            "--compare-epochs",
            "100000",
            "--no-plots",
        ],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    time.sleep(3)
    os.killpg(process.pid, signal.SIGINT)
    try:
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert err.strip() == "mlcli: interrupted; no file was left half written"
    assert not list(empty_folder.rglob("*.partial"))
