"""The parameters of `mlcli bayes` (appendix B of the notes)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ValidationInfo, field_validator

from mlcli.config.common import SeedFields, SourceFields
from mlcli.config.fields import Degrees, Float, Int, Unset, param

LARGEST_GRID = 100_000


def parse_grid(text: str) -> tuple[float, float, int]:
    """``lo,hi,n`` as two numbers and an integer.

    Raises:
        ValueError: the text is something else.
    """
    parts = text.split(",")
    try:
        low, high, n = float(parts[0]), float(parts[1]), int(parts[2])
        good = len(parts) == 3 and low < high and 2 <= n <= LARGEST_GRID
    except (ValueError, IndexError):
        good = False
    if not good:
        raise ValueError(
            f"must be lo,hi,n with lo below hi and n from 2 to {LARGEST_GRID}, got {text!r}; "
            "try 0,1,101"
        )
    return low, high, n


class BayesConfig(SourceFields, SeedFields):
    """Bayesian linear regression: posterior, evidence and prediction."""

    degree: Int = param(3, "Degree of the model.", example="3", ge=0, le=2000)
    degrees: Degrees = param(tuple(range(10)), "Degrees whose evidence is compared.", example="0-9")
    basis: Literal[
        "legendre", "chebyshev", "monomial", "fourier", "gaussian", "sigmoid", "linear"
    ] = param(
        "legendre",
        "Basis functions over the range of the data; monomial is raw powers of x, to which the "
        "prior then belongs.",
    )
    intercept: bool = param(True, "Have the constant phi_0 = 1; the prior covers its weight too.")
    prior: Literal["isotropic", "general", "ard"] = param(
        "isotropic",
        "Prior of the weights: N(0, 1/precision), N(m_0, S_0) from files, or one precision each.",
    )
    prior_precision: Annotated[Float | None, Unset] = param(
        None,
        "Precision alpha of the prior (default: by evidence).",
        example="2",
        gt=0,
        unit="1 / weight^2",
    )
    noise_precision: Annotated[Float | None, Unset] = param(
        None,
        "Precision beta of the noise (default: by evidence).",
        example="11.1",
        gt=0,
        unit="1 / target^2",
    )
    prior_mean: Annotated[str | None, Unset] = param(
        None,
        "CSV file with columns term and mean: m_0 of a general prior.",
        example="model/posterior_mean.csv",
        is_file=True,
    )
    prior_covariance: Annotated[str | None, Unset] = param(
        None,
        "NPY file with the matrix S_0 of a general prior.",
        example="model/posterior_covariance.npy",
        is_file=True,
    )
    noise: Literal["gaussian", "student"] = param(
        "gaussian",
        "gaussian: one noise precision; student: unknown noise, normal-inverse-gamma posterior, "
        "prior_precision then in units of the noise precision.",
    )
    noise_shape: Float = param(1e-3, "Shape a_0 of the inverse gamma prior of the noise.", gt=0)
    noise_rate: Float = param(
        1e-3, "Rate b_0 of the inverse gamma prior of the noise.", unit="target^2", gt=0
    )
    at: Annotated[str | None, Unset] = param(
        None,
        "CSV, TSV, Parquet or NPZ file of inputs at which to predict.",
        example="new.csv",
        is_file=True,
    )
    grid: Annotated[str | None, Unset] = param(
        None, "Predict at n even points from lo to hi, as lo,hi,n.", example="0,1,101"
    )
    n_draws: Int = param(12, "Curves drawn from the posterior.", ge=0, le=1000)
    n_surface: Int = param(41, "Points a side of the map of the evidence.", ge=2, le=400)
    n_calibration: Int = param(
        200,
        "Data sets on which the coverage of the predictive interval is measured.",
        unit="data sets",
        ge=0,
        le=100_000,
    )
    calibration_rows: Int = param(20, "Rows of each of them.", unit="rows", ge=5, le=100_000)

    @field_validator("grid")
    @classmethod
    def _grid_can_be_read(cls, grid: str | None, info: ValidationInfo) -> str | None:
        if grid is not None:
            parse_grid(grid)
            if info.data.get("at") is not None:
                raise ValueError("goes without --at, got both")
        return grid

    @field_validator("prior_covariance")
    @classmethod
    def _general_priors_come_from_files(cls, name: str | None, info: ValidationInfo) -> str | None:
        prior = info.data.get("prior")
        both = (info.data.get("prior_mean") is not None, name is not None)
        if prior is not None and both != (prior == "general", prior == "general"):
            raise ValueError(
                "goes with prior_mean and prior general, all three or none, got "
                f"prior {prior}, prior_mean {info.data.get('prior_mean')}, prior_covariance {name}"
            )
        return name

    @field_validator("noise")
    @classmethod
    def _unknown_noise_has_its_own_prior(cls, noise: str, info: ValidationInfo) -> str:
        if noise == "student" and info.data.get("prior", "isotropic") != "isotropic":
            raise ValueError(f"must be gaussian for prior {info.data['prior']}, got student")
        if noise == "student" and info.data.get("noise_precision") is not None:
            raise ValueError("must be gaussian where noise_precision is given, got student")
        return noise

    @field_validator("prior_precision")
    @classmethod
    def _only_the_isotropic_prior_has_one(
        cls, precision: float | None, info: ValidationInfo
    ) -> float | None:
        prior = info.data.get("prior", "isotropic")
        if precision is not None and prior != "isotropic":
            raise ValueError(f"goes with prior isotropic, got prior {prior}")
        return precision

    @field_validator("noise_precision")
    @classmethod
    def _relevance_finds_the_noise(
        cls, precision: float | None, info: ValidationInfo
    ) -> float | None:
        if precision is not None and info.data.get("prior") == "ard":
            raise ValueError("is found together with the others by prior ard, got a value")
        return precision
