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
