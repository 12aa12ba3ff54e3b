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
    story="fits",
    figures={
        "data": Caption(
            "Figures 1 and 2",
            "Scatter of noisy training and test rows, in two colours, around a dashed smooth "
            "curve; a band around it shows where rows can be.",
            "Data within data: the rows that there could be (the band holds 95 % of them), those "
            "of the first seed, and of these the ones kept for testing; the dashed curve is the "
            "regularity from which they were drawn.",
        ),
        "basis": Caption(
            "Section 3.1",
            "Two panels of curves: the basis functions of the fit, and the same times their "
            "weights with a thick black curve, their sum.",
            "What a fit adds up: the functions of the basis (3.9) above, each times its weight "
            "below, and their sum, which is the fit of the first seed.",
        ),
        "normal_equations": Caption(
            "Section 4",
            "Grids of numbers: the design matrix and the targets of a few rows, their products, "
            "and the weights from two ways of solving.",
            "The closed form (4.2) to (4.5) in numbers, on a few training rows: the weights from "
            "the normal equations beside those from a QR decomposition, which never forms the "
            "product whose condition number is the square.",
        ),
        "fits": Caption(
            "Figure 3",
            "One panel a degree: low degrees follow the smooth curve, the highest one "
            "swings between the points, wildly so near the ends.",
            "Least-squares fits of each degree, with the central 95 % of fits over the seeds. "
            "The last panel is the notes' own estimator, which cuts off small singular values.",
        ),
        "ellipses": Caption(
            "Section 4",
            "Panels of ellipses in the planes of two weights, with a point for the weights of "
            "each data set and a cross for what they estimate.",
            "Error bars of two weights at once, from the covariance s² (ΦᵀΦ)⁻¹: each 95 % ellipse "
            "should hold the weights that its fit estimates in 95 % of data sets. Tilted ellipses "
            "belong to weights whose errors go together. On data of unknown law the points are "
            "weights of resampled rows, which the ellipse of the fit should hold.",
        ),
        "memorised": Caption(
            "Section 2",
            "A staircase through every training row, and its errors beside those of the fits.",
            "A fit that memorises (2.9): a table of the training rows, read at the nearest one. "
            "Its training error is zero, and on new rows it repeats the noise of the row that it "
            "read.",
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
            "Columns with whiskers: coefficients of the highest degree under the penalty, of "
            "which a few small ones are left.",
            "Coefficients at the strength with the lowest mean error: means over the seeds with "
            "95 % intervals, and those of the first seed. A handful is left.",
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
        "basis",
        "coefficients",
        "data",
        "draw_errors",
        "draw_means",
        "draw_rows",
        "draws",
        "ellipses",
        "errors",
        "fits",
        "law",
        "memorised",
        "memorised_errors",
        "normal_equations",
        "path",
        "path_coefficients",
        "path_curves",
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
