"""The table of named sets agrees with what the names open."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mlcli.datasets.registry import DATASETS, available, describe
from mlcli.datasets.source import open_source
from mlcli.errors import DataError

BUNDLED = [named.name for named in DATASETS.values() if named.kind == "bundled"]


@pytest.fixture(autouse=True)
def _no_image_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLCLI_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.parametrize("name", [n.name for n in DATASETS.values() if n.kind != "download"])
def test_shapes_are_as_described(name: str) -> None:
    source, named = open_source(name), DATASETS[name]
    data = source.replicate(0, 0)
    assert data.X.shape == named.shape
    assert data.X.dtype == data.t.dtype == np.float64
    assert len(source.feature_names) == named.shape[1]
    assert source.n_rows == named.shape[0]
    assert (source.task, source.image_shape) == (named.task, named.image_shape)
    assert source.n_own_test == data.n_own_test == named.n_own_test
    assert source.class_names == named.class_names
    if named.n_classes is not None:
        np.testing.assert_array_equal(np.unique(data.t), np.arange(named.n_classes))


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_sets_are_the_same_in_every_replicate(name: str) -> None:
    source = open_source(name)
    assert not source.fresh_draws
    assert source.truth is None
    np.testing.assert_array_equal(source.replicate(0, 0).X, source.replicate(5, 9).X)
    assert json.loads(json.dumps(source.identity)) == source.identity


def test_columns_of_a_bundled_set() -> None:
    source = open_source("diabetes", features=["bmi", "bp"])
    whole = open_source("diabetes")
    assert source.feature_names == ("bmi", "bp")
    np.testing.assert_array_equal(source.replicate(0, 0).X, whole.replicate(0, 0).X[:, [2, 3]])
    assert source.identity != whole.identity
    with pytest.raises(DataError, match="diabetes has no column 'bmj'; try 'bmi'"):
        open_source("diabetes", features=["bmj"])


def test_image_shape_and_task_hold_for_the_original_columns_only() -> None:
    """Some of the pixels aren't an image, and another target is another task."""
    pixels = open_source("digits").feature_names
    assert open_source("digits").image_shape == (8, 8)
    assert open_source("digits", features=pixels).image_shape == (8, 8)
    some = open_source("digits", features=pixels[10:40])
    assert (some.image_shape, some.task) == (None, "classification")
    assert open_source("digits", features=pixels[::-1]).image_shape is None
    other = open_source("iris", target="petal width (cm)")
    assert (other.task, open_source("diabetes").task) == (None, "regression")


def test_images_and_their_own_test_rows() -> None:
    images = {name: (n.image_shape, n.n_own_test) for name, n in DATASETS.items() if n.image_shape}
    assert images == {
        "digits": ((8, 8), 0),
        "fashion-mini": ((28, 28), 1_000),
        "fashion-mnist": ((28, 28), 10_000),
        "mnist": ((28, 28), 10_000),
        "imbalance": ((12, 15), 0),
    }
    assert all(
        n.image_shape is None or np.prod(n.image_shape) == n.shape[1] for n in DATASETS.values()
    )


def test_some_columns_keep_the_test_rows() -> None:
    pixels = ["pixel_400", "pixel_401"]
    source, whole = open_source("fashion-mini", features=pixels), open_source("fashion-mini")
    assert (source.image_shape, source.n_own_test) == (None, 1_000)
    data = source.replicate(0, 0)
    assert data.n_own_test == 1_000
    np.testing.assert_array_equal(data.X, whole.replicate(0, 0).X[:, 400:402])


def test_names_are_found_with_hyphen_or_underscore() -> None:
    assert open_source("breast_cancer").identity == open_source("breast-cancer").identity


def test_details_are_json() -> None:
    assert json.loads(json.dumps(available())) == available()
    assert [entry["name"] for entry in available()] == list(DATASETS)
    sine = describe("sine")
    assert sine["parameters"] == {"n_samples": 100, "x_min": 0.0, "x_max": 1.0, "noise_std": 0.2}
    assert all(entry["licence"] and entry["source"] for entry in available())


def test_unknown_names() -> None:
    with pytest.raises(DataError, match="no data set or file named 'noisy-cubik'; try noisy-cubic"):
        open_source("noisy-cubik")
    with pytest.raises(DataError, match=r"no data set .*try one of noisy-cubic, sine"):
        open_source("zzzzzz")
    with pytest.raises(DataError, match="no data set"):
        open_source("")
    with pytest.raises(DataError, match="try iris"):
        describe("irris")


def test_absent_image_sets() -> None:
    assert describe("mnist")["found"] is False
    with pytest.raises(DataError, match=r"mnist is not on this machine; try `mlcli data fetch"):
        open_source("mnist")


def test_parameters_that_do_not_apply() -> None:
    with pytest.raises(
        DataError, match=r"--n-samples can't be used with iris.*synthetic sets only"
    ):
        open_source("iris", n_samples=5)
    with pytest.raises(DataError, match="--target, --draw-column can't be used with sine"):
        open_source("sine", target="t", draw_column="d")
    with pytest.raises(DataError, match="--draw-column can't be used with wine"):
        open_source("wine", draw_column="d")
