"""Every data set that has a name: one table."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any, Literal

from mlcli.datasets.dataset import Task
from mlcli.datasets.names import canonical
from mlcli.datasets.synthetic import SYNTHETIC
from mlcli.errors import DataError

Kind = Literal["synthetic", "bundled", "download"]


@dataclass(frozen=True)
class NamedSet:
    """What there is to know about a named set without loading it.

    Attributes:
        shape: (N, D); N is the default of a synthetic set.
        licence: under which the data may be used.
        source: where they come from.
        n_classes: K, or None for a regression.
        image_shape: (h, w) where each row is an image, laid out as in `images`.
        n_own_test: how many of the last rows the set itself keeps for testing.
        class_names: K names where the classes 0..K-1 have names.
    """

    name: str
    kind: Kind
    task: Task
    shape: tuple[int, int]
    summary: str
    licence: str
    source: str
    n_classes: int | None = None
    image_shape: tuple[int, ...] | None = None
    n_own_test: int = 0
    class_names: tuple[str, ...] | None = None


CLOTHES = (
    "T-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
SKLEARN = "scikit-learn"

DATASETS: dict[str, NamedSet] = {
    named.name: named
    for named in (
        *(
            NamedSet(
                spec.name,
                "synthetic",
                spec.task,
                (spec.n_samples, spec.n_features),
                spec.summary,
                "none needed",
                "drawn on demand",
                spec.n_classes,
                getattr(spec, "image_shape", None),
            )
            for spec in SYNTHETIC.values()
        ),
        NamedSet(
            "diabetes",
            "bundled",
            "regression",
            (442, 10),
            "Disease progression after a year from ten baseline measurements, standardised",
            "BSD-3-Clause, with scikit-learn",
            f"Efron et al. (2004), {SKLEARN}",
        ),
        NamedSet(
            "breast-cancer",
            "bundled",
            "classification",
            (569, 30),
            "Tumours, malignant (0) or benign (1), from thirty measures of cell nuclei",
            "CC BY 4.0",
            f"UCI 17, Wolberg et al. (1995), {SKLEARN}",
            2,
        ),
        NamedSet(
            "iris",
            "bundled",
            "classification",
            (150, 4),
            "Three species of iris from the sizes of sepals and petals in cm",
            "CC BY 4.0",
            f"UCI 53, Fisher (1936), {SKLEARN}",
            3,
        ),
        NamedSet(
            "wine",
            "bundled",
            "classification",
            (178, 13),
            "Three cultivars of wine from thirteen chemical measures",
            "CC BY 4.0",
            f"UCI 109, Aeberhard and Forina (1992), {SKLEARN}",
            3,
        ),
        NamedSet(
            "digits",
            "bundled",
            "classification",
            (1797, 64),
            "Handwritten digits, 8 x 8 pixels of 0 to 16",
            "CC BY 4.0",
            f"UCI 80, Alpaydin and Kaynak (1998), {SKLEARN}",
            10,
            (8, 8),
        ),
        NamedSet(
            "fashion-mini",
            "bundled",
            "classification",
            (3_000, 784),
            "Some of fashion-mnist: 200 images a class to train, 100 to test; 28 x 28 pixels",
            "MIT",
            "Xiao, Rasul and Vollgraf (2017), zalandoresearch/fashion-mnist",
            10,
            (28, 28),
            1_000,
            CLOTHES,
        ),
        NamedSet(
            "fashion-mnist",
            "download",
            "classification",
            (70_000, 784),
            "Clothing in ten classes, 28 x 28 pixels of 0 to 255; 60,000 to train, 10,000 to test",
            "MIT",
            "Xiao, Rasul and Vollgraf (2017), zalandoresearch/fashion-mnist",
            10,
            (28, 28),
            10_000,
            CLOTHES,
        ),
        NamedSet(
            "mnist",
            "download",
            "classification",
            (70_000, 784),
            "Handwritten digits, 28 x 28 pixels of 0 to 255; 60,000 to train, 10,000 to test",
            "CC BY-SA 3.0",
            "LeCun, Cortes and Burges (1998)",
            10,
            (28, 28),
            10_000,
        ),
    )
}


def lookup(name: str) -> NamedSet:
    """The entry of a name.

    Raises:
        DataError: there is none; with the nearest names.
    """
    named = DATASETS.get(canonical(name))
    if named is None:
        near = difflib.get_close_matches(canonical(name), DATASETS, n=3, cutoff=0.5)
        hint = " or ".join(near) if near else "one of " + ", ".join(DATASETS)
        raise DataError(f"there is no data set or file named '{name}'", hint=hint)
    return named


def describe(name: str) -> dict[str, Any]:
    """Everything known about a named set, in JSON's types.

    Synthetic sets have ``parameters`` with their defaults, downloads ``found`` and ``folder``.

    Raises:
        DataError: there is no such name.
    """
    named = lookup(name)
    details: dict[str, Any] = {
        "name": named.name,
        "kind": named.kind,
        "task": named.task,
        "shape": list(named.shape),
        "n_classes": named.n_classes,
        "image_shape": None if named.image_shape is None else list(named.image_shape),
        "n_own_test": named.n_own_test,
        "class_names": None if named.class_names is None else list(named.class_names),
        "summary": named.summary,
        "licence": named.licence,
        "source": named.source,
    }
    if named.kind == "synthetic":
        spec = SYNTHETIC[named.name]
        details["equation"] = spec.equation
        details["units"] = spec.units
        details["note"] = spec.note or None
        details["parameters"] = spec.parameters
    elif named.kind == "download":
        from mlcli.datasets.fetch import find

        folder = find(named.name)
        details["found"] = folder is not None
        details["folder"] = None if folder is None else str(folder)
    return details


def available() -> list[dict[str, Any]]:
    """`describe` of every named set, in the registry's order."""
    return [describe(name) for name in DATASETS]
