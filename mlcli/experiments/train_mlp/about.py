"""What `train-mlp` is: its help, its files, its figures and its headline metrics."""

from __future__ import annotations

from mlcli.experiments.experiment import TEST, VALIDATION, About, Caption, Curve, Headline
from mlcli.experiments.networks.captions import SHARED

ABOUT = About(
    section="train_mlp",
    summary="Train multilayer perceptrons side by side, seeds and variants.",
    example="mlcli train-mlp --init normal,xavier,he --n-seeds 8",
    flags=(
        "hidden",
        "activation",
        "init",
        "optimiser",
        "learning_rate",
        "batch_size",
        "n_epochs",
        "dropout",
    ),
    takes="both",
    by_intervals=True,
    title="Training a neural network (sections 6 and 7)",
    question=(
        "What decides whether a network learns: how its weights start, what its neurons do, how "
        "its rate moves? Every seed of every variant trains beside the others on the same splits,"
        " so that a difference can be told from luck."
    ),
    story="plane",
    figures={
        "curves": SHARED["curves"],
        "network": Caption(
            "Figures 10 and 11, (6.12) to (6.15)",
            "Columns of neurons from the inputs to the outputs, each joined to all of the column "
            "before; the lines into the first neuron of every column are coloured.",
            "The network that trains. Every neuron takes a weighted sum of all outputs of the "
            "layer before and adds its bias; the weights of the first neuron of each layer are "
            "picked out. Hidden layers then apply h. Of a wide layer the first and the last "
            "neurons are drawn.",
        ),
        "scores": SHARED["scores"],
        "layers": Caption(
            "(7.1), (7.9), (7.16)",
            "Spread of activations, errors, saturated and dead neurons of each layer against the "
            "epoch.",
            "What flows through the hidden layers as the network learns: standard "
            "deviation of the activations, size of the errors that flow back, and shares of "
            "saturated and of dead neurons. The variant with the least validation loss; means over "
            "the seeds with 95 % intervals.",
        ),
        "start": Caption(
            "(7.1), (7.2)",
            "Size of the errors and spread of the activations against the layer, before and after "
            "training, a line for each variant.",
            "The same before the first step and after the last, layer by layer, for each variant.",
        ),
        "plane": Caption(
            "(6.16), section 5.2",
            "Six panels of the plane in the colours of the classes, from before the training to "
            "its end; straight lines of hidden units turn and move until the boundary follows the "
            "dashed one.",
            "A network of two inputs and one hidden layer while it learns: each point in the "
            "colour of its class, the paler the less sure, its boundary, and the line of each "
            "hidden unit on which its preactivation a is 0. Dashed the boundary of the best rule, "
            "where the law of the rows is known. The first seed of the start that ends with the "
            "least training loss, on the run's own rows if these have two inputs and classes.",
        ),
        "plane_units": Caption(
            "(6.16)",
            "A panel for each hidden unit: its output over the plane, from white to a colour, with "
            "the line where its preactivation is 0 at the end and before.",
            "What each hidden unit of that network responds to at the end: its output over the "
            "plane, from the least (white) to the largest, in the colour of the class for which "
            "its outgoing weight is largest, and by how much that exceeds the least one. The "
            "output changes only across the unit's line, whose earlier places are grey.",
        ),
        "plane_learning": Caption(
            "Section 7.1.1",
            "Share of test rows called right against the epoch, a line for each start, near the "
            "dashed line of the best rule at the end; beside it how often the class is another.",
            "The same networks from each start that is compared: the share of test rows called "
            "right, beside what the best rule is expected to reach, and the share that is not "
            "called as by the best rule. From weights of zero the units of a layer stay equal. "
            "Means over the seeds with 95 % intervals.",
        ),
        "schedule": SHARED["schedule"],
        "confusion": SHARED["confusion"],
        "calibration": SHARED["calibration"],
        "misclassified": SHARED["misclassified"],
        "predictions": SHARED["predictions"],
    },
    metrics=(
        "test_accuracy",
        "*.test_accuracy",
        "test_mse",
        "*.test_mse",
        "test_loss",
        "*.test_loss",
    ),
    tables=(
        "calibration",
        "confusion",
        "curves",
        "layers",
        "members",
        "misclassified",
        "plane_epochs",
        "plane_final",
        "plane_grid",
        "plane_inits",
        "plane_inits_units",
        "plane_rows",
        "plane_units",
        "predictions",
        "schedules",
        "tests",
    ),
    others=("model/best.safetensors", "model/last.safetensors", "model/model.json"),
    headlines=(
        Headline("validation_accuracy", True, VALIDATION),
        Headline("validation_loss", False, VALIDATION),
        Headline("test_accuracy", True, TEST),
        Headline("test_mse", False, TEST),
    ),
    curves=(
        Curve("curves", "epoch", "train_loss", by=("variant",), log_y=True),
        Curve("curves", "epoch", "validation_loss", by=("variant",), log_y=True),
        Curve("curves", "epoch", "validation_accuracy", by=("variant",)),
    ),
    predicts=True,
    resumes=True,
    one_program=True,
    torchrun=True,
)
