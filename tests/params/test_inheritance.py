"""A section that takes from another what it does not say itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlcli.config import SECTIONS, config_class, inherited_keys, parent_of
from mlcli.errors import ConfigError
from mlcli.experiments.lr_find.config import LrFindConfig
from mlcli.params import resolve

TEXT = """\
train_mlp:
  hidden: 16-8
  init: [normal, he]
  learning_rate: 0.5
  n_seeds: 3
  n_epochs: 7
  optimiser: adam
  seed: 4
lr_find:
  optimiser: sgd
  n_steps: 100
"""


@pytest.fixture
def params(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_the_network_is_taken_from_the_training_and_its_own_keys_win(params: Path) -> None:
    found = resolve(LrFindConfig, "lr_find", params=params, environ={}, flags={"seed": "5"})
    config, sources = found.config, found.sources
    assert config.hidden == ("16-8",)
    assert config.init == ("normal", "he")
    assert sources["hidden"] == sources["init"] == "file (train_mlp)"
    assert (config.optimiser, sources["optimiser"]) == (("sgd",), "file")
    assert (config.n_steps, sources["n_steps"]) == (100, "file")
    assert (config.seed, sources["seed"]) == (5, "flag")
    assert (config.n_seeds, sources["n_seeds"]) == (8, "default")
    assert sources["activation"] == "default"


def test_a_value_that_is_lent_is_no_override_inside_a_stage(
    params: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (params.parent / "dvc.yaml").write_text(
        "stages:\n  lr_find:\n    cmd: x\n    params: [lr_find, train_mlp]\n", encoding="utf-8"
    )
    environ = {"DVC_STAGE": "lr_find", "DVC_ROOT": str(params.parent)}
    assert resolve(LrFindConfig, "lr_find", params=params, environ=environ).config.hidden
    with pytest.raises(ConfigError, match=r"lr_find\.hidden is tracked by the DVC stage"):
        resolve(LrFindConfig, "lr_find", params=params, environ=environ, flags={"hidden": "4"})


def test_a_fault_in_a_lent_value_is_told_where_it_stands_and_under_its_own_name(
    params: Path,
) -> None:
    text = TEXT.replace("[normal, he]", "[normal, hee]").replace("n_steps: 100", "n_steps: 1")
    params.write_text(text.replace("  seed: 4", "  sead: 4"), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        resolve(LrFindConfig, "lr_find", params=params, environ={})
    lines = str(caught.value).splitlines()
    # A key that this command does not have is for `mlcli validate` to report.
    assert len(lines) == 2
    assert any(f"{params}:3:3: train_mlp.init must be" in line for line in lines)
    assert any(f"{params}:11:3: lr_find.n_steps must be" in line for line in lines)


@pytest.mark.parametrize(("network", "parent"), LrFindConfig.inherits.items())
def test_what_nobody_says_is_the_same_for_both(network: str, parent: str) -> None:
    assert parent_of(LrFindConfig, {"network": network}) == parent
    keys, theirs = inherited_keys(LrFindConfig, parent), config_class(parent).model_fields
    assert "n_seeds" not in keys
    assert "learning_rate" not in keys
    config = LrFindConfig(network=network)
    for key in keys:
        mine = LrFindConfig.model_fields[key]
        assert getattr(config, key) == theirs[key].default, key
        assert mine.annotation == theirs[key].annotation, key


def test_no_other_section_takes_from_another() -> None:
    assert [s for s in SECTIONS if parent_of(config_class(s))] == ["lr_find"]


def test_the_network_chooses_whose_values_are_taken(params: Path) -> None:
    text = TEXT + "  network: cnn\ntrain_cnn:\n  architecture: fcn\n  batch_size: 32\n"
    params.write_text(text, encoding="utf-8")
    found = resolve(LrFindConfig, "lr_find", params=params, environ={})
    assert (found.config.architecture, found.config.batch_size) == (("fcn",), (32,))
    assert found.sources["architecture"] == "file (train_cnn)"
    # Section train_mlp has another.
    assert (found.config.init, found.config.seed) == (("he",), 0)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"network": "cnn", "hidden": "8"}, "hidden has no place where network is cnn"),
        ({"architecture": "fcn"}, "architecture has no place where network is mlp; try network"),
    ],
)
def test_no_field_of_the_other_network(params: Path, flags: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        resolve(LrFindConfig, "lr_find", params=params, environ={}, flags=flags)
