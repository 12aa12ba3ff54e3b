"""What `backprop` is: its help, its files, its figures and its headline metrics."""

from __future__ import annotations

from mlcli.experiments.experiment import OTHER, About, Caption, Curve, Headline

ABOUT = About(
    section="backprop",
    summary="Backpropagation of a small network, every number written out.",
    example="mlcli backprop --sizes 2-3-1 --activation tanh --at 0.5,-1",
    flags=("sizes", "activation", "loss", "at", "targets", "n_rows", "weights"),
    takes="both",
    by_intervals=True,
    title="Backpropagation written out (sections 6.3 and 6.4)",
    question=(
        "How does a network find the gradient of every weight in one pass back? Each sum of a "
        "small network is written out with its numbers, and every gradient is checked against a "
        "difference of two losses."
    ),
    story="backward",
    figures={
        "forward": Caption(
            "Figure 11, (6.12) to (6.15), (6.19)",
            "A network from the inputs to the outputs, with a weight on each line and the bias, "
            "the sum a and the output z = h(a) in each neuron.",
            "The forward pass of the first row. Each neuron adds its bias b to the weighted sum of "
            "all z of the layer before, which is a, and hands on z = h(a). The outputs are y, and "
            "E is their loss against the targets t.",
        ),
        "backward": Caption(
            "(6.25) to (6.36)",
            "The same network from the outputs back, with the error delta in each neuron and the "
            "gradient on each line.",
            "The backward pass of the same row. The errors delta start at the outputs; a hidden "
            "neuron's is the weighted sum of those of the layer above, times h'(a). The gradient "
            "of a weight is the delta at its end times the z at its beginning; that of a bias is "
            "delta itself.",
        ),
        "steps": Caption(
            "(6.19), (6.35)",
            "Small copies of the network, one for each layer forward and one for each layer back; "
            "what is new in each is coloured.",
            "One layer at a time: forward the outputs z appear from left to right, backward the "
            "errors delta from right to left. Coloured lines are the weights that a step uses.",
        ),
        "matrices": Caption(
            "(6.37) to (6.41)",
            "Grids of numbers: products of matrices forward, products entry by entry backward, and "
            "a gradient as a matrix beside one of its sums.",
            "The same passes for the whole minibatch in matrices, a column for each row of the "
            "data. The coloured entry of the gradient is the product of the coloured row of delta "
            "and the coloured row of z, and its sum over the rows of the data is written below.",
        ),
        "step_size": Caption(
            "(6.17) and its footnote",
            "Error of the differences against their step on logarithmic axes: two curves shaped "
            "like a V with their theory.",
            "Largest error of a difference over the largest gradient against the step: geometric "
            "means over networks of other random weights, with 95 % intervals. Large steps leave "
            "the next terms of the expansion, epsilon^2 or epsilon; small steps divide the "
            "rounding of E by epsilon. Dashed: theory, from E'' and E''' and, an upper estimate, "
            "from the size of the sums that are rounded. The upright line is the step of the "
            "check, the cube root of the precision.",
        ),
        "cost": Caption(
            "The footnote of section 6.3",
            "Multiplications of one gradient against the number of weights: two straight lines "
            "near each other, and two that are twice as steep.",
            "Multiplications of one row's gradient, counted for networks n-n-n. Backpropagation "
            "takes about three forward passes' worth for any number W of weights; differences take "
            "W + 1 or 2W forward passes. Dots: the network that is drawn.",
        ),
    },
    metrics=(
        "check.log10_error",
        "check.log10_measured_step",
        "check.log10_predicted_step",
        "check.slope_*",
        "network.n_weights",
    ),
    tables=("check", "cost", "gradients", "matrices", "step_size", "steps", "weights"),
    shown=(Headline("check.log10_error", False, OTHER),),
    curves=(
        Curve("step_size", "step", "log10_central", log_x=True),
        Curve("step_size", "step", "log10_one_sided", log_x=True),
    ),
    devices=("cpu",),
)
