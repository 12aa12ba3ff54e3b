"""What `propagate` is: its help, its files, its figures and its headline metrics."""

from __future__ import annotations

from mlcli.experiments.experiment import About, Caption, Curve

ABOUT = About(
    section="propagate",
    summary="Vanishing and exploding gradients, and what trains.",
    example="mlcli propagate --activations relu,tanh --inits he,xavier --depths 10,50",
    flags=("activations", "inits", "depths", "width", "train_steps"),
    takes="classes",
    by_intervals=True,
    title="Vanishing and exploding gradients (sections 7.1 to 7.3)",
    question=(
        "What becomes of a signal on its way through many layers, and of the errors on their way "
        "back? Each layer multiplies their variances by a factor that initialisation and "
        "activation decide; only where both stay near 1 does a deep network train."
    ),
    story="alive",
    figures={
        "activations": Caption(
            "Figure 12",
            "One panel for each activation function, the others grey behind it: sigmoid and tanh "
            "level off on both sides, the others rise on the right.",
            "Activation functions; blue, those of the notes' figure. Sigmoid and tanh saturate on "
            "both sides. Sigmoid and ReLU are never negative; of the others only tanh is odd, so "
            "that the notes' 'all but sigmoid are zero centred' holds for tanh alone.",
        ),
        "derivatives": Caption(
            "Figure 13",
            "One panel for the derivative of each activation function, the others grey behind it: "
            "sigmoid's is a low hill of height 1/4, most others go to 1 on the right.",
            "Their derivatives, the h' of (7.1). Sigmoid's is at most 1/4; those of sigmoid and "
            "tanh vanish on both sides, ReLU's on the left.",
        ),
        "draws": Caption(
            "(7.4), (7.9) to (7.19)",
            "Three panels against the hidden layer: means of z around 0; variances of z, level for "
            "lecun and falling for the others; variances of delta, level for he-fan-out.",
            "A linear network of 16-32-64-128-10 with one input and one error of the outputs, over "
            "400 draws of W. The mean of an activation is 0. Var(w) = 1/n_in of (7.10) keeps the "
            "signal, 1/n_out of (7.18) the errors; where layers differ none keeps both, and "
            "Xavier's (7.19) lies between. The errors of the last hidden layer sum over the 10 "
            "outputs, (7.12) corrected. Theory is dashed and exact; bars are 95 % intervals.",
        ),
        "signs": Caption(
            "Figure 14, (7.23)",
            "Gradient points in two quadrants for sigmoid and ReLU and in four for tanh; below, "
            "the share of gradients with one sign against the number of rows and of weights.",
            "Above: gradients of two weights of a neuron on single rows; shaded, where both have "
            "one sign. ReLU's lie on the edges when one input is 0. Below: the share of "
            "gradients whose entries have one sign. Summing over more rows does not free sigmoid: "
            "dotted, the limit of many rows from theory. Batch normalisation behind the weights "
            "does (dashed): its gradient sees centred activations only. Bars are 95 % intervals.",
        ),
        "forward": Caption(
            "(7.9), corrected",
            "Eight panels of variance against layer: curves of initialisations fan out, theory "
            "runs along the measurements.",
            "Variance of the preactivations in the deepest networks: geometric means with 95 % "
            "intervals, and the theory of a wide network dashed. The axis is cut at 20 powers of "
            "10. Xavier, LeCun and orthogonal coincide, since all layers are equally wide. Where h "
            "is not odd the mean square of z takes the place of its variance in (7.9).",
        ),
        "backward": Caption(
            "(7.1), (7.2), (7.16)",
            "Eight panels of the variance of errors against layer, the output on the right: most "
            "curves fall or rise steeply to the left.",
            "Variance of the errors dE/da when independent errors of variance 1 stand at the "
            "output, to be read from right to left: geometric means with 95 % intervals, theory "
            "dashed. The axis is cut at 20 powers of 10. A curve that falls to the left is a "
            "vanishing gradient.",
        ),
        "alive": Caption(
            "Sections 7.1.1 and 7.1.2",
            "Two tables, activation by initialisation: powers of 10 by which the signal or the "
            "errors change, and training accuracy; cells that change little are framed in both.",
            "Which initialisation keeps which activation alive. Left: the larger of the changes of "
            "Var a forward and Var delta backward through the deepest networks, in powers of 10. "
            "Framed: both change by at most 15 % a layer, the whole 95 % interval; dotted, a part "
            "of it. Right: what the same pairs learn without normalisation. Being alive is needed, "
            "not enough: a sigmoid with N(0, 1) weights keeps both variances because it is "
            "saturated.",
        ),
        "alphas": Caption(
            "(7.21), (7.22)",
            "Two panels, leaky ReLU and ELU: the change of signal and errors rises with alpha from "
            "14 powers of 10 lost towards none.",
            "Why the notes want alpha large: change of Var a forward and Var delta backward "
            "through the deepest networks with Xavier's weights, for which a leaky ReLU has the "
            "factor (1 + alpha^2) / 2 a layer. He's weights make up for any slope. An ELU with "
            "alpha above 1 has a slope above 1 left of 0, and its errors grow. Dashed: theory of a "
            "wide network; bars are 95 % intervals; shaded: at most 15 % a layer.",
        ),
        "batch_norm": Caption(
            "Section 7.3, (7.24)",
            "Left: with batch normalisation errors grow towards the first layers for every "
            "activation. Right: factor a layer of each activation on its theory, for all "
            "initialisations alike.",
            "With batch normalisation before h the signal keeps variance 1 and the initialisation "
            "no longer matters. The errors now grow, by E h'^2 / Var h a layer in a wide network: "
            "pi / (pi - 1) for ReLU, too much at depth 50. For SiLU and GELU the rows of a "
            "minibatch grow unlike, and the errors gather in those where h is steep, which theory "
            "leaves out. Theory is dashed on the left, a bar on the right; bands and error bars "
            "are 95 % intervals.",
        ),
        "trains": Caption(
            "Beyond the notes",
            "Two tables of training accuracy, activation by initialisation, without and with batch "
            "normalisation; framed cells train.",
            "Training accuracy of deep networks in per cent after a fixed number of steps, at the "
            "best of the learning rates that were tried on networks of their own. A frame: the "
            "95 % interval over the seeds lies above the threshold; dotted: the threshold is "
            "inside, some networks train.",
        ),
    },
    metrics=(
        "forward.relu.he.depth_*.factor",
        "backward.sigmoid.xavier.depth_*.factor",
    ),
    tables=("activations", "draws", "sign_points", "signals", "signs", "alive", "alphas", "trains"),
    curves=(
        Curve(
            "signals",
            "layer",
            "log10_backward",
            by=("normalisation", "activation", "init", "depth"),
        ),
    ),
)
