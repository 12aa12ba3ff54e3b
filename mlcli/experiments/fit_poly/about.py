"""What `fit-poly` is: its help, its files, its figures and its headline metrics."""

from __future__ import annotations

from mlcli.experiments.experiment import TEST, About, Caption, Curve, Headline

ABOUT = About(
    section="fit_poly",
    summary="Fit polynomials and other linear basis-function models.",
    example="mlcli fit-poly --degrees 0-9 --data measurements.csv --target y",
    flags=("degrees", "basis", "penalty", "l1", "l2", "path_penalty", "test_fraction"),
    takes="numbers",
    by_intervals=True,
    title="Polynomial regression (sections 3 and 4)",
    question=(
        "How many parameters can noisy data carry, and what keeps a model with too many from "
        "chasing the noise? Polynomials of rising degree are fitted in closed form to many "
        "independent draws, first freely, then with a penalty on their coefficients."
    ),
    figures={
        "data": Caption(
            "Figure 2",
            "Scatter of noisy points around a dashed smooth curve.",
            "The rows of the first seed, and the regularity from which they were drawn.",
        ),
        "fits": Caption(
            "Figure 3",
            "One panel a degree: low degrees follow the smooth curve, the highest one "
            "swings between the points, wildly so near the ends.",
            "Least-squares fits of each degree, with the central 95 % of fits over the seeds. "
            "The last panel is the notes' own estimator, which cuts off small singular values.",
        ),
        "coefficients": Caption(
            "Figure 4",
            "Coefficients of the highest degree against the power of x, huge, of both signs.",
            "Coefficients of the highest degree, no penalty: huge numbers that cancel.",
        ),
        "regularized_fits": Caption(
            "Figure 5",
            "Four panels of fits of the highest degree, from a weak penalty to a strong one.",
            "The highest degree again, under penalties of four strengths: weak ones let it "
            "follow the regularity, strong ones flatten it.",
        ),
        "regularized_coefficients": Caption(
            "Figure 6",
            "Coefficients of the highest degree under the penalty: a few small ones are left.",
            "Coefficients at the strength with the lowest mean error: a handful is left.",
        ),
        "path": Caption(
            "Beyond the notes",
            "Three panels against the strength of the penalty: errors, number of nonzero "
            "coefficients, and the coefficients themselves.",
            "The whole path, each point certified by its duality gap.",
        ),
    },
    metrics=("degree_*.test_mse", "path.test_mse", "path.lowest_error_strength"),
    tables=(
        "coefficients",
        "data",
        "errors",
        "fits",
        "path",
        "path_coefficients",
        "path_fits",
        "scores",
        "table_1",
    ),
    others=("model/coefficients.csv", "model/model.json", "model/predictor.safetensors"),
    headlines=(Headline("test_mse", False, TEST),),
    curves=(
        Curve(
            "errors",
            "degree",
            "train_mse",
            "train_ci_low",
            "train_ci_high",
            ("estimator",),
            log_y=True,
        ),
        Curve(
            "errors",
            "degree",
            "test_mse",
            "test_ci_low",
            "test_ci_high",
            ("estimator",),
            log_y=True,
        ),
        Curve("path", "strength", "test_mse", log_x=True),
    ),
    predicts=True,
    devices=("cpu",),
)
