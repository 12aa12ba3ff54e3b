"""What `logistic` is: its help, its files, its figures and its headline metrics."""

from __future__ import annotations

from mlcli.experiments.experiment import TEST, About, Caption, Curve, Headline

ABOUT = About(
    section="logistic",
    summary="Logistic regression: classes, probabilities, decisions.",
    example="mlcli logistic --data breast_cancer --penalty l1 --json",
    flags=("basis", "degree", "penalty", "l1", "l2", "solver", "threshold"),
    takes="classes",
    title="Classification (section 5, appendix C)",
    question=(
        "Which class, and how sure? A linear function passed through the sigmoid gives "
        "probabilities that can be scored, calibrated and cut at any threshold; the loss decides "
        "whether a net that is confidently wrong can still learn."
    ),
    figures={
        "boundary": Caption(
            "(5.9)",
            "Points of each class in the plane of two features, over the probability that a model "
            "gives, with its boundary.",
            "A model of two features alone: the colour is the probability, the line the decision "
            "boundary, the points are test rows of the first seed.",
        ),
        "densities": Caption(
            "(5.4) and (5.17)",
            "Left: contours of the density of each class over test rows. Right: contours of the "
            "log odds, with the line of 0; of more than two classes the areas of the largest "
            "score.",
            "Left: class densities p(x|C_k), each in tenths of its largest value (0.1 to 0.9), in "
            "the plane of two features. They are those that the rows are drawn from, where these "
            "are known, else normal classes of one covariance, estimated from the training rows "
            "of the first seed. Right: the log odds a(x) from them, or the class with the largest "
            "score a_k.",
        ),
        "posterior": Caption(
            "(5.3) and (5.16)",
            "Two planes coloured by probability: from the densities and from the fit. Thin lines, "
            "the boundaries of several fits, scatter about the thick one.",
            "Left: the posterior that Bayes' theorem makes of the class densities. Right: the fit "
            "to the first seed, with the boundaries of the fits of up to 16 seeds over the one of "
            "the densities.",
        ),
        "information": Caption(
            "(C.1) and (C.11)",
            "Left: the curve -ln p with test rows on it and a line at their mean. Right: points "
            "on a rising straight line.",
            "Left: a row's information is -ln of the probability that the fit gave to its class; "
            "the log loss is the mean over the test rows of the first seed. Right: polynomials "
            "fitted to the notes' cubic; under normal noise of known variance -ln likelihood is "
            "the squared error times beta/2, plus ln(2 pi/beta)/2.",
        ),
        "curves": Caption(
            "(5.2)",
            "Left: recall against false-positive rate. Right: precision against recall.",
            "What moving the threshold trades: means over the seeds with 95 % intervals. Of more "
            "than two classes, means over each class against the others.",
        ),
        "threshold": Caption(
            "(5.2)",
            "Precision rises and recall falls as the threshold goes from 0 to 1.",
            "Precision, recall and accuracy against the threshold p_0: means over the seeds with "
            "95 % intervals.",
        ),
        "calibration": Caption(
            "Beyond the notes",
            "Observed share against predicted probability, near the diagonal.",
            "Whether a probability means what it says: in bins of the prediction, the share that "
            "came true. Means over the seeds with 95 % intervals.",
        ),
        "confusion": Caption(
            "Beyond the notes",
            "A square of numbers: rows of each class by the class they were called.",
            "Test rows of each class by the class they were called, as a share of the class, mean "
            "over the seeds.",
        ),
        "saturation": Caption(
            "(5.11) to (5.14), corrected",
            "Left: error against step from a wrong start. Right: steps to recover against how "
            "wrong it was; the mean square takes far longer.",
            "Descent from the fitted boundary with its sides exchanged. Left: training error from "
            "the most confident start. Right: steps until nine tenths of the error are gone. "
            "Medians and central 95 % of the seeds; a missing point had not recovered by the end.",
        ),
        "separable": Caption(
            "Consequences of (5.15), corrected",
            "Weights grow without end on a logarithmic step axis without a penalty, and level off "
            "with l2.",
            "Classes that a line separates: without a penalty the weights run away for as long as "
            "training goes on while the loss goes to 0, with l2 both settle. Means over the seeds "
            "with 95 % intervals.",
        ),
    },
    metrics=(
        "test_accuracy",
        "test_cross_entropy",
        "test_roc_auc",
        "test_brier",
        "test_f1",
        "n_nonzero",
    ),
    tables=(
        "borders",
        "boundary",
        "calibration",
        "confusion",
        "curves",
        "densities",
        "information",
        "normal_model",
        "points",
        "saturation",
        "saturation_errors",
        "separable",
        "thresholds",
    ),
    others=("model/coefficients.csv", "model/model.json", "model/predictor.safetensors"),
    headlines=(Headline("test_cross_entropy", False, TEST),),
    curves=(
        Curve("thresholds", "threshold", "accuracy"),
        Curve("calibration", "predicted", "observed", "ci_low", "ci_high"),
    ),
    predicts=True,
    devices=("cpu",),
)
