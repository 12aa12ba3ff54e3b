"""What `bayes` is: its help, its files, its figures and its headline metrics."""

from __future__ import annotations

from mlcli.experiments.experiment import OTHER, About, Caption, Curve, Headline

ABOUT = About(
    section="bayes",
    summary="Bayesian linear regression: posterior, evidence, prediction.",
    example="mlcli bayes --data measurements.csv --target y --degree 3",
    flags=("degree", "degrees", "basis", "prior", "at", "grid"),
    takes="numbers",
    title="Bayesian regression (appendix B)",
    question=(
        "What do the data say about the weights, and how far is a prediction to be trusted? The "
        "posterior is exact; the precisions of prior and noise are those that make the data most "
        "probable, and the same number, the evidence, compares models without holding rows back."
    ),
    story="weights",
    figures={
        "predictive_band": Caption(
            "Appendix B, (B.23) and (B.24)",
            "Data points, a curve and two bands around it, the outer one holding most points.",
            "Predictive mean with its 95 % band for new points, and the narrower band of the mean "
            "itself, which only the uncertain weights make up.",
        ),
        "posterior_draws": Caption(
            "Appendix B, (B.19)",
            "A bundle of curves that agree where data are dense and spread at the ends.",
            "Curves drawn from the posterior: each is one answer that the data allow.",
        ),
        "weights": Caption(
            "Appendix B, (B.7) and (B.14) to (B.20)",
            "Columns for 1, 2, 5 and 20 rows. Above, in the plane of two weights, a likelihood "
            "that is a stripe after one row and an ellipse later, the circles of the prior and the "
            "posterior between them, which shrinks. Below, lines that agree more and more.",
            "Prior, likelihood and posterior of the two weights of a line, one and two standard "
            "deviations each, and lines drawn from that posterior with the rows so far. One row "
            "fixes one combination of the weights only. The exponent's quadratic term is the sum "
            "of the prior's and the likelihood's; completing its square gives the posterior. With "
            "several inputs the line is in the first. The precisions are those of the run.",
        ),
        "target_law": Caption(
            "Appendix B, (B.3), (B.4), (B.7) and (B.22)",
            "Two panels of bell curves on their sides at five rows, around a level line and around "
            "a line closer to the points; bars show the density of each target.",
            "The law of a target for given weights: normal around w . phi(x) with the variance "
            "1 / beta. The bar at each of the first rows is the density of its own target; their "
            "product is the likelihood of the weights, whose logarithm is above each panel.",
        ),
        "variance_terms": Caption(
            "Appendix B, (B.24)",
            "On a logarithmic axis a level dashed line for the noise, and curves for the uncertain "
            "weights that sink from about the noise to far below it as rows are added; each is "
            "highest at the ends.",
            "Both terms of the predictive variance along the first input: the noise 1 / beta, that "
            "more rows do not lower, and phi^T S phi of the run's model after 0, 1, 2, 5, 20 and "
            "all rows, with the precisions of the whole data. The variance is the sum of the two.",
        ),
        "sequential": Caption(
            "Appendix B",
            "Panels of ellipses in the plane of two weights that shrink as points arrive.",
            "The posterior of two weights as points arrive one at a time, one and two standard "
            "deviations, the last mean marked: with one input those of the straight line, with "
            "several the model's first two, whatever its others are.",
        ),
        "evidence": Caption(
            "Beyond the notes",
            "Log evidence against degree rises to a peak and falls; the cross-validated error has "
            "its minimum nearby.",
            "Log evidence of each degree, both precisions at their best, with the cross-validated "
            "error of least squares below it and the choice of each.",
        ),
        "evidence_surface": Caption(
            "Beyond the notes",
            "Contours of the log evidence over the two precisions with one marked maximum.",
            "The log evidence around its maximum, in nats below it: the noise is known well, the "
            "width of the prior hardly.",
        ),
        "calibration": Caption(
            "Beyond the notes",
            "Measured minus nominal coverage for three methods; maximum likelihood lies far below "
            "zero.",
            "How often a new point falls into the predictive interval, less how often it should, "
            "over many small data sets. Maximum likelihood plugs in its estimates and is too sure.",
        ),
    },
    metrics=(
        "degree",
        "log_evidence",
        "noise_precision",
        "effective_parameters",
        "degree_by_evidence",
        "degree_by_kfold",
        "calibration.evidence.level_95",
    ),
    tables=(
        "band",
        "calibration",
        "data",
        "draws",
        "evidence",
        "evidence_surface",
        "lines",
        "predictive",
        "rows_seen",
        "rows_seen_curves",
        "sequential",
        "target_law",
        "two_weights",
        "variance_terms",
        "weights",
    ),
    others=(
        "model/posterior_mean.csv",
        "model/posterior_covariance.npy",
        "model/model.json",
        "model/predictor.safetensors",
    ),
    headlines=(Headline("over_seeds.log_evidence", True, OTHER),),
    curves=(
        Curve(
            "evidence", "degree", "mean_log_evidence", "log_evidence_ci_low", "log_evidence_ci_high"
        ),
        Curve("calibration", "level", "mean", "ci_low", "ci_high", ("method",)),
    ),
    predicts=True,
    devices=("cpu",),
)
