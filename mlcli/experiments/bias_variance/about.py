"""What `bias-variance` is: its help, its files, its figures and its headline metrics."""

from __future__ import annotations

from mlcli.experiments.experiment import OTHER, About, Caption, Curve, Headline

ABOUT = About(
    section="bias_variance",
    summary="Split the generalisation error into bias, variance, noise.",
    example="mlcli bias-variance --degrees 0-12",
    flags=("degrees", "basis", "n_datasets", "n_rows", "penalty"),
    takes="numbers",
    by_intervals=True,
    title="Bias, variance and noise (section 3.2 and appendix A)",
    question=(
        "Where does the error of a prediction come from: a model too stiff for the regularity, "
        "one that follows the accidents of its data, or noise that no model can predict? The same"
        " models are fitted to ensembles of many data sets, and their mean squared error is taken"
        " apart."
    ),
    story="decomposition",
    figures={
        "regression_function": Caption(
            "Appendix A, (A.4) to (A.7)",
            "A blue band of density follows a curve; three bell curves stand on their sides at "
            "three x, each centred on the curve, and measured means lie on it.",
            "The joint density p(x, t) of the run's law, and over it the regression function "
            "E[t|x], the mean of the conditional density at each x, which is the best prediction "
            "under the squared loss. Points are means of drawn t in bins of x over the seeds, with "
            "95 % intervals.",
        ),
        "expected_loss": Caption(
            "Appendix A, (A.2) to (A.4), (A.11) and (A.12)",
            "Left: the expected loss of the regression function is the noise, and that of every "
            "other function is larger. Right: cross terms around the regression function lie on "
            "zero, those around a shifted one mostly do not.",
            "E[L] of the regression function f~ and of other functions f~ + h: measured on draws "
            "of (x, t), each function's its own, beside the exact noise + E[h^2]. A shift and a "
            "tilt of the same E[h^2] lose the same. On the right the cross term of the expanded "
            "square, which vanishes around f~ for whatever f, and not around f~ shifted. Functions "
            "far worse than the others are in the table only.",
        ),
        "variation": Caption(
            "Appendix A, (A.5) and (A.6)",
            "Above, three functions of x. Below, how their expected loss changes where each is "
            "raised: level at zero for the regression function, and steps away from zero for the "
            "shifted one and for the best line.",
            "The variation of E[L]: its derivative by f(x) is 2 (f(x) - f~(x)) p(x), here averaged "
            "over bins of x. It is 0 everywhere for f~ alone. That of the best line has areas that "
            "cancel: no other line is better, but other functions are.",
        ),
        "decomposition": Caption(
            "Appendix A, (A.18)",
            "Squared error against degree, near its minimum and on a logarithmic axis: bias "
            "squared falls, variance rises, noise is level, and measured errors lie on their sum.",
            "Bias squared, variance and noise against degree, means over the seeds with 95 % "
            "intervals; the points are errors measured on rows that no fit has seen. Bias squared "
            "is without what the finite ensemble adds; the dotted line still has it, and is what "
            "the sum holds. A band that reaches the lower edge includes zero: that bias can't be "
            "told from none. Where the regularity is unknown, bias squared and noise are one line.",
        ),
        "strength": Caption(
            "Appendix A and (3.13)",
            "Squared error of one high degree against the strength of its penalty: variance "
            "falls, bias squared rises, and their sum has a minimum between.",
            "The same terms for one high degree under a penalty, from weak to strong: the "
            "penalty trades variance for bias.",
        ),
        "pointwise": Caption(
            "Appendix A, (A.17)",
            "One panel a degree: thin curves of single fits around their mean, with the "
            "regularity dashed; the spread grows with the degree, most near the ends.",
            "Fits to single data sets of the first seed, their mean, and the central 95 % of "
            "them at each x: the mean's distance from the dashed regularity is the bias, the "
            "spread around the mean the variance.",
        ),
        "descent": Caption(
            "Beyond the notes",
            "Error against the number of columns: it falls, rises to a sharp peak where columns "
            "equal rows, and falls again beyond, there lower for one scaling of the columns than "
            "for the other; below, the length of the coefficients.",
            "Past the interpolation threshold: with more columns than rows, the shortest of all "
            "solutions that pass through every row. Which one is shortest depends on how the "
            "Legendre columns are scaled, so two scalings are shown; they agree up to the "
            "threshold. Medians over data sets, since near the threshold means are ruled by the "
            "worst one.",
        ),
    },
    metrics=(
        "best_degree",
        "strength.best_strength",
        "strength.best.generalisation_error",
        "descent.*.peak.median_error",
    ),
    tables=(
        "data",
        "decomposition",
        "descent",
        "expected_loss",
        "functions",
        "joint",
        "members",
        "pointwise",
        "regression_function",
        "strengths",
        "variation",
    ),
    headlines=(Headline("generalisation_error", False, OTHER),),
    curves=(
        Curve("decomposition", "degree", "bias_squared"),
        Curve("decomposition", "degree", "variance"),
    ),
    devices=("cpu",),
)
