"""What `train-mlp` says in the report."""

from __future__ import annotations

from mlcli.report.captions.chapter import Caption, Chapter

CHAPTER = Chapter(
    "Training a neural network (sections 6 and 7)",
    "What decides whether a network learns: how its weights start, what its neurons do, how its "
    "rate moves? Every seed of every variant trains beside the others on the same splits, so that "
    "a difference can be told from luck.",
    {
        "curves": Caption(
            "Section 7",
            "Loss on minibatches, and loss and score on validation rows, against the epoch, with "
            "bands.",
            "Left: training loss, the mean over an epoch's minibatches before each step. Others: "
            "on validation rows after each epoch. Means over the seeds with 95 % intervals.",
        ),
        "network": Caption(
            "Figures 10 and 11, (6.12) to (6.15)",
            "Columns of neurons from the inputs to the outputs, each joined to all of the column "
            "before; the lines into the first neuron of every column are coloured.",
            "The network that trains. Every neuron takes a weighted sum of all outputs of the "
            "layer before and adds its bias; the weights of the first neuron of each layer are "
            "picked out. Hidden layers then apply h. Of a wide layer the first and the last "
            "neurons are drawn.",
        ),
        "scores": Caption(
            "Section 7",
            "One row a variant: single seeds as points, the mean with its interval beside them.",
            "The score on test rows: every seed as a point, their mean with its 95 % interval.",
        ),
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
        "schedule": Caption(
            "Section 7.4, (7.25) to (7.27)",
            "Learning rate against epoch.",
            "The learning rate of each variant as it moves with the steps.",
        ),
        "confusion": Caption(
            "Beyond the notes",
            "A square of numbers: rows of each class by the class they were called.",
            "Test rows of each class by the class they were called, as shares of the class: the "
            "variant with the least validation loss, mean over the seeds.",
        ),
        "calibration": Caption(
            "Beyond the notes",
            "Share called right against confidence, near the diagonal.",
            "Whether a confidence means what it says: in bins of the largest probability, the "
            "share of test rows that were called right. Means over the seeds, with 95 % intervals "
            "for the variant with the least validation loss.",
        ),
        "misclassified": Caption(
            "Beyond the notes",
            "Images that were called wrong, each with its class and what it was called.",
            "Test rows of the first seed that the variant with the least validation loss calls "
            "wrong, the surest first.",
        ),
        "predictions": Caption(
            "Beyond the notes",
            "Predicted against true target, near the diagonal.",
            "Predictions for the test rows of the first seed against their targets.",
        ),
    },
)
