"""The data of a command whose own section names none: section `data`, or what others agree on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlcli.config import SECTIONS, config_class
from mlcli.config.common import ImageFields, SourceFields
from mlcli.config.data import SHARED, DataConfig
from mlcli.errors import ConfigError
from mlcli.params import Resolved, resolve
from mlcli.params.resolve import validate_file

Run = Callable[..., Any]
SHARED_TEXT = """\
data:
  data: rivers.csv
  target: flow
  features: [rain, snow]
  n_samples: 30
perceptron:
  data: iris
kfold:
  features: [rain]
"""
OTHERS = [name for name in SECTIONS if name != "data"]


@pytest.fixture
def ask(tmp_path: Path) -> Callable[..., Resolved[Any]]:
    """The config of a command beside a params file."""

    def resolved(section: str, text: str, **given: Any) -> Resolved[Any]:
        path = tmp_path / "params.yaml"
        path.write_text(text, encoding="utf-8")
        given = {"environ": {}} | given
        return resolve(config_class(section), section, params=path, **given)

    return resolved


Ask = Callable[..., Resolved[Any]]


@pytest.mark.parametrize("section", [name for name in OTHERS if name != "perceptron"])
def test_every_command_takes_the_shared_data(ask: Ask, section: str) -> None:
    found = ask(section, SHARED_TEXT)
    assert (found.config.data, found.config.target) == ("rivers.csv", "flow")
    assert found.sources["data"] == found.sources["target"] == "file (data)"
    # Those of `mlcli data make`, since no file is synthetic.
    assert found.config.n_samples is None


def test_flag_beats_set_beats_environment_beats_its_own_section_beats_the_shared_one(
    ask: Ask,
) -> None:
    text = "data:\n  data: a.csv\n  target: shared\n"
    assert ask("kfold", text).config.target == "shared"
    text += "kfold:\n  target: own\n"
    layers: list[tuple[str, dict[str, Any]]] = [
        ("file", {}),
        ("environment", {"environ": {"MLCLI_KFOLD__TARGET": "variable"}}),
        ("set", {"sets": ["kfold.target=setting"]}),
        ("flag", {"flags": {"target": "given"}}),
    ]
    given: dict[str, Any] = {}
    for value, (source, more) in zip(("own", "variable", "setting", "given"), layers, strict=True):
        given |= more
        found = ask("kfold", text, **given)
        assert (found.config.target, found.sources["target"]) == (value, source)
        assert (found.config.data, found.sources["data"]) == ("a.csv", "file (data)")


def test_a_named_set_has_a_target_of_its_own(ask: Ask) -> None:
    for found in (
        ask("perceptron", SHARED_TEXT),
        ask("fit_poly", SHARED_TEXT, flags={"data": "diabetes"}),
    ):
        assert found.config.target is found.config.features is None
    other_file = ask("fit_poly", SHARED_TEXT, flags={"data": "later.csv"})
    assert (other_file.config.data, other_file.config.target) == ("later.csv", "flow")


def test_parameters_of_a_synthetic_set_are_shared_with_it(ask: Ask) -> None:
    text = "data:\n  data: noisy-cubic\n  n_samples: 30\n"
    assert ask("fit_poly", text).config.n_samples == 30
    assert ask("fit_poly", text, flags={"data": "Noisy_Cubic"}).config.n_samples == 30
    assert ask("fit_poly", text, flags={"data": "sine"}).config.n_samples is None
    # Without data it is the section of `mlcli data make` alone.
    assert ask("fit_poly", "data:\n  n_samples: 30\n").config.n_samples is None


def test_a_section_that_inherits_does_so_before_it_looks_at_the_shared_data(ask: Ask) -> None:
    found = ask("lr_find", SHARED_TEXT + "train_mlp:\n  target: depth\n")
    assert (found.config.target, found.sources["target"]) == ("depth", "file (train_mlp)")
    assert (found.config.data, found.sources["data"]) == ("rivers.csv", "file (data)")


def test_sections_that_agree_are_the_data_of_all(ask: Ask) -> None:
    text = (
        "fit_poly:\n  data: a.csv\n  target: y\n  degrees: [1]\n"
        "bayes:\n  data: a.csv\n  target: y\n"
    )
    found = ask("baseline", text)
    assert (found.config.data, found.config.target) == ("a.csv", "y")
    assert found.sources["data"] == "file (fit_poly)"


@pytest.mark.parametrize("other", ["data: b.csv", "data: a.csv\n  target: x"])
def test_sections_that_differ_make_a_command_ask(ask: Ask, other: str) -> None:
    text = f"fit_poly:\n  data: a.csv\n  target: y\nbayes:\n  {other}\n"
    with pytest.raises(
        ConfigError,
        match=r"section baseline names no data, and other sections "
        r"differ in theirs \(fit_poly has a\.csv, bayes has .\.csv\); try --data",
    ):
        ask("baseline", text)
    assert ask("baseline", text, flags={"data": "iris"}).config.data == "iris"
    assert ask("fit_poly", text).config.data == "a.csv"


def test_a_file_that_names_no_data_leaves_the_defaults(ask: Ask) -> None:
    assert ask("baseline", "fit_poly:\n  degrees: [1]\n").config.data == "diabetes"
    assert ask("baseline", "data:\n  n_draws: 3\n").sources["data"] == "default"


def test_what_a_command_can_not_heed_is_no_matter_of_silence(ask: Ask) -> None:
    text = "data:\n  data: images\n  resize: 32x32\n"
    assert ask("train_cnn", text).config.resize == "32x32"
    with pytest.raises(ConfigError, match=r":3:3: data\.resize has no place in train-mlp"):
        ask("train_mlp", text)
    assert ask("train_mlp", text, flags={"data": "digits"}).config.data == "digits"


def test_an_unknown_or_wrong_key_is_told_with_its_place(ask: Ask, tmp_path: Path) -> None:
    text = "data:\n  data: a.csv\n  taget: y\n  impute: man\nkfold:\n  seed: 1\n"
    with pytest.raises(ConfigError) as caught:
        ask("baseline", text)
    path = tmp_path / "params.yaml"
    told = [
        f"{path}:3:3: unknown key 'taget'; try target (section data)",
        f"{path}:4:3: data.impute must be one of mean, median, most-frequent, got 'man'; try mean",
    ]
    assert str(caught.value).splitlines() == told
    # Each once, though two sections read them.
    assert [str(fault) for fault in validate_file(path)] == told


def test_a_mistyped_data_key_is_told_before_built_in_data_are_taken(ask: Ask) -> None:
    with pytest.raises(ConfigError, match="unknown key 'dat'; try data"):
        ask("baseline", "data:\n  dat: a.csv\n")


def test_a_section_is_checked_with_what_it_inherits(ask: Ask, tmp_path: Path) -> None:
    ask("kfold", "data:\n  data: a.csv\n  impute: mean\nkfold:\n  indicate_missing: true\n")
    assert validate_file(tmp_path / "params.yaml") == []


@pytest.mark.parametrize("tracked", ["data", "data.target"])
def test_what_a_stage_tracks_of_the_shared_data_can_not_be_overridden(
    ask: Ask, tmp_path: Path, tracked: str
) -> None:
    (tmp_path / "dvc.yaml").write_text(
        f"stages:\n  kfold:\n    cmd: x\n    params: [{tracked}, kfold]\n", encoding="utf-8"
    )
    environ = {"DVC_STAGE": "kfold", "DVC_ROOT": str(tmp_path)}
    assert ask("kfold", "data:\n  data: a.csv\n  target: y\n", environ=environ).config.target == "y"
    with pytest.raises(ConfigError, match=r"--target: (kfold|data)\.target is tracked by"):
        ask("kfold", SHARED_TEXT, environ=environ, flags={"target": "x"})


def test_the_shared_section_knows_all_that_describes_data() -> None:
    assert {*SourceFields.model_fields, *ImageFields.model_fields} == SHARED
    assert set(DataConfig.model_fields) >= SHARED


def test_commands_of_a_project_analyse_its_data(
    mlcli: Run, empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"{x / 7},{(x * 5) % 11},{(x * 37) % 101 / 10}" for x in range(60)]
    Path("rivers.csv").write_text("rain,snow,flow\n" + "\n".join(rows) + "\n", encoding="utf-8")
    assert mlcli("init", "new", "--data", "rivers.csv", "--target", "flow").code == 0
    monkeypatch.chdir(empty_folder / "new")
    assert mlcli("validate").code == 0
    few = ("--methods", "constant,linear", "--n-folds", "3", "--no-plots", "--json", "--out", "o")
    done = mlcli("baseline", *few)
    assert done.code == 0, done.err
    assert '"file (data)"' in Path("o/manifest.json").read_text(encoding="utf-8")
    for command in ("kfold", "bias-variance", "descent", "lr-find"):
        plan = mlcli(
            command,
            "--dry-run",
            "--json",
            *(("--degrees", "1,2") if command == "bias-variance" else ()),
        )
        assert plan.code == 0, plan.err
        assert plan.json["config"]["target"] == {"value": "flow", "source": "file (data)"}
    for command in ("perceptron", "filters", "propagate", "logistic", "train-cnn"):
        done = mlcli(command, "--dry-run")
        assert done.code == 2, command
        assert done.err.count("\n") == 1
        assert "bug" not in done.err
