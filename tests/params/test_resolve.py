"""Precedence, provenance, and every fault at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlcli.errors import ConfigError
from mlcli.experiments.fit_poly.config import FitPolyConfig
from mlcli.params import resolve
from mlcli.params.resolve import validate_file

SECTION = "fit_poly"


@pytest.fixture
def params(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text("fit_poly:\n  seed: 1\n  l1: 1e-3\n", encoding="utf-8")
    return path


def test_flag_beats_set_beats_environment_beats_file_beats_default(params: Path) -> None:
    layers: list[tuple[str, dict[str, object]]] = [
        ("file", {}),
        ("environment", {"environ": {"MLCLI_FIT_POLY__SEED": "2"}}),
        ("set", {"sets": ["fit_poly.seed=3"]}),
        ("flag", {"flags": {"seed": "4"}}),
    ]
    given: dict[str, object] = {"environ": {}}
    for expected, (source, more) in enumerate(layers, start=1):
        given |= more
        found = resolve(FitPolyConfig, SECTION, params=params, **given)  # type: ignore[arg-type]
        assert found.config.seed == expected
        assert found.sources["seed"] == source
        assert found.sources["l1"] == "file"
        assert found.config.l1 == 0.001
        assert found.sources["l2"] == "default"


def test_lists_have_three_spellings() -> None:
    for text in ("0-3,7", "[0, 1, 2, 3, 7]"):
        found = resolve(FitPolyConfig, SECTION, sets=[f"fit_poly.degrees={text}"], environ={})
        assert found.config.degrees == (0, 1, 2, 3, 7)
    assert resolve(FitPolyConfig, SECTION, flags={"degrees": "2"}, environ={}).config.degrees == (
        2,
    )


def test_all_faults_are_told_together_with_their_places() -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(
            FitPolyConfig,
            SECTION,
            flags={"l2": "-1", "basis": "polinomial"},
            sets=["fit_poly.degres=[1]", "nonsense", "data.seed=1"],
            environ={"MLCLI_FIT_POLY__N_SEEDS": "0", "MLCLI_FITPOLY__SEED": "1"},
        )
    text = str(caught.value)
    assert "--l2: fit_poly.l2 must be a finite number at least 0, got '-1'" in text
    assert "--basis" in text
    assert "try polynomial" in text
    assert "unknown key 'degres'; try degrees" in text
    assert "-S nonsense: must be section.key=value" in text
    assert "-S data.seed=1: section data does nothing here" in text
    assert "MLCLI_FIT_POLY__N_SEEDS: fit_poly.n_seeds must be an integer at least 1" in text
    assert "MLCLI_FITPOLY__SEED: unknown section 'fitpoly'; try fit_poly" in text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("n_seeds", "true"),
        ("l1", ".nan"),
        ("l1", ".inf"),
        ("degrees", "[]"),
        ("degrees", "9-3"),
        ("degrees", "[1.5]"),
        ("test_fraction", "1"),
        ("seed", "-1"),
        ("intercept", "maybe"),
    ],
)
def test_what_is_no_value_is_refused(key: str, value: str) -> None:
    with pytest.raises(ConfigError, match=rf"fit_poly\.{key}"):
        resolve(FitPolyConfig, SECTION, sets=[f"fit_poly.{key}={value}"], environ={})


def test_the_whole_file_is_checked_in_the_order_of_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(
        "fit_poly:\n  degrees: [1, -3]\n  basiss: fourier\n  path_min: 5\n"
        "kfold: 3\ndata:\n  n_draws: 0\n",
        encoding="utf-8",
    )
    found = [str(fault).removeprefix(str(path)) for fault in validate_file(path)]
    places = [text.split(" ")[0] for text in found]
    assert places == [":1:1:", ":2:3:", ":3:3:", ":5:1:", ":7:3:"]
    assert "path_max" in found[0]
    assert "try basis" in found[2]


def test_a_section_that_is_no_mapping_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("fit_poly: 3\n", encoding="utf-8")
    (fault,) = validate_file(path)
    assert "must be a section" in fault.sentence


class TestInsideDvc:
    @pytest.fixture
    def environ(self, tmp_path: Path) -> dict[str, str]:
        (tmp_path / "dvc.yaml").write_text(
            "stages:\n  fit_poly:\n    cmd: x\n    params: [fit_poly.seed, fit_poly.l1]\n",
            encoding="utf-8",
        )
        return {"DVC_STAGE": "fit_poly", "DVC_ROOT": str(tmp_path)}

    def test_a_tracked_key_can_not_be_overridden(self, environ: dict[str, str]) -> None:
        with pytest.raises(
            ConfigError, match=r"--seed: fit_poly\.seed is tracked by the DVC stage"
        ):
            resolve(FitPolyConfig, SECTION, flags={"seed": "1"}, environ=environ)
        with pytest.raises(ConfigError, match=r"-S fit_poly\.l1=1"):
            resolve(FitPolyConfig, SECTION, sets=["fit_poly.l1=1"], environ=environ)

    def test_an_untracked_key_can(self, environ: dict[str, str]) -> None:
        found = resolve(FitPolyConfig, SECTION, flags={"l2": "1"}, environ=environ)
        assert found.config.l2 == 1.0

    def test_the_file_is_no_override(self, environ: dict[str, str], params: Path) -> None:
        found = resolve(FitPolyConfig, SECTION, params=params, environ=environ)
        assert found.config.seed == 1
