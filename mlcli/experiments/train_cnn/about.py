"""What `train-cnn` is: its help, its files, its figures and its headline metrics."""

from __future__ import annotations

from mlcli.experiments.experiment import TEST, VALIDATION, About, Caption, Curve, Headline
from mlcli.experiments.networks.captions import SHARED

ABOUT = About(
    section="train_cnn",
    summary="Train convolutional networks on images, seeds and variants.",
    example="mlcli train-cnn --data digits --architecture basic,residual",
    flags=(
        "architecture",
        "layers",
        "optimiser",
        "learning_rate",
        "batch_size",
        "n_epochs",
        "augment_shift",
    ),
    takes="images",
    by_intervals=True,
    title="Convolutional networks (section 8)",
    question=(
        "What does a network gain by looking for the same small patterns everywhere in an image? "
        "It is trained beside a perceptron with as many parameters, and both are asked again when"
        " the test images are shifted."
    ),
    figures={
        "architecture": Caption(
            "Section 8.4, Figure 22",
            "Stacks of plates from left to right, smaller and deeper from layer to layer, and bars "
            "for dense layers, with their shapes and parameters.",
            "The network, block by block: channels x height x width of what each puts out, the "
            "size of its filters on the block before, and its parameters. Layers that change no "
            "shape stand below the block that they follow.",
        ),
        "receptive_fields": Caption(
            "Sections 8 and 8.3",
            "Nested squares on a test image, bars that grow from layer to layer, and small maps "
            "that are bright in the middle.",
            "The pixels that the neuron in the middle of each layer sees: by recursion over "
            "filters and strides (frames, bars), and where a gradient on images of noise is not "
            "zero (dotted, diamonds). Half of the gradient on test images comes from a smaller "
            "square around the middle. First seed of the variant with the least validation loss.",
        ),
        "shifts": Caption(
            "Section 8.2, Figure 16",
            "Score against shift: it falls for the perceptron within a pixel or two and later for "
            "the convolutional network.",
            "Score on test images moved by whole pixels, the mean of four directions, for "
            "convolutional networks and a perceptron with as many parameters. Means over the seeds "
            "with 95 % intervals.",
        ),
        "filters": Caption(
            "Sections 8.1 and 8.2",
            "Small squares of positive and negative weights.",
            "The filters of the first layer as they were learnt: first seed of the variant with "
            "the least validation loss.",
        ),
        "feature_maps": Caption(
            "Section 8.2, Figure 22",
            "Rows of small grey pictures: the image, and what the stages of the network make of "
            "it, coarser from row to row.",
            "A test image and the channels that answer most to it after each stage of the network: "
            "first seed of the variant with the least validation loss. Bright is large, on one "
            "scale a row.",
        ),
        "invariance": Caption(
            "Section 8.3",
            "Relative change against layer: it drops at each pooling layer and is larger for "
            "larger shifts.",
            "How much of each layer's output changes when test images move by whole pixels: norm "
            "of the difference over norm of the output, the mean of four directions and over the "
            "seeds with 95 % intervals.",
        ),
        "class_map": Caption(
            "Section 8.6, (8.24) to (8.27)",
            "Left several test images in one larger picture, right a few coloured cells on and "
            "beside them with the class that is seen there.",
            "The trained network, its dense layers turned into convolutions, on a picture larger "
            "than those of its training. It has no class for a background: a cell is shown where "
            "its largest logit is at least as large as on 95 % of the watched images. Frames are "
            "the images, dotted where the cell in the middle names another class.",
        ),
        **SHARED,
    },
    metrics=(
        "test_accuracy",
        "*.test_accuracy",
        "test_mse",
        "*.test_mse",
        "test_loss",
        "*.test_loss",
        "n_parameters",
    ),
    tables=(
        "calibration",
        "class_map",
        "confusion",
        "curves",
        "feature_maps",
        "field_maps",
        "filters",
        "invariance",
        "members",
        "misclassified",
        "picture",
        "predictions",
        "rates",
        "receptive_fields",
        "schedules",
        "shifts",
        "summary",
        "tests",
    ),
    others=("model/best.safetensors", "model/last.safetensors", "model/model.json"),
    headlines=(
        Headline("validation_accuracy", True, VALIDATION),
        Headline("test_accuracy", True, TEST),
    ),
    curves=(
        Curve("curves", "epoch", "train_loss", by=("variant",), log_y=True),
        Curve("curves", "epoch", "validation_accuracy", by=("variant",)),
        Curve("shifts", "shift", "score", by=("network",)),
    ),
    predicts=True,
    resumes=True,
    one_program=True,
    torchrun=True,
)
