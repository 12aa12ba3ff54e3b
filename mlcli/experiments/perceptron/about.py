"""What `perceptron` is: its help, its files, its figures and its headline metrics."""

from __future__ import annotations

from mlcli.experiments.experiment import OTHER, About, Caption, Curve, Headline

ABOUT = About(
    section="perceptron",
    summary="Threshold units: gates, Rosenblatt's rule, approximation.",
    example='mlcli perceptron --function "x^2" --n-bins 4,16,64',
    flags=("truth_table", "function", "n_bins", "margins"),
    takes="classes",
    title="Threshold units (section 6.1)",
    question=(
        "What can a unit do that only says yes or no, and what can a layer of them? One unit is a"
        " straight line, which it learns from its mistakes; a hidden unit makes XOR, and enough "
        "of them any function of x."
    ),
    figures={
        "gates": Caption(
            "Figures 7 and 8, Tables 2 and 3",
            "Two squares of four inputs: one line cuts off NAND's 0, XOR needs a line that moves.",
            "Outputs for the four inputs (filled is 1) and the lines that the weights draw. XOR's "
            "output unit has one line where the hidden unit is silent and another where it fires, "
            "on the other side of the dashed line.",
        ),
        "learning": Caption(
            "Beyond the notes",
            "Left: points of two classes and the learnt line. Right: mistakes against the bound, "
            "every point below the diagonal.",
            "Rosenblatt's rule on random rows: the rows of the first seed with the line that was "
            "learnt, and for each seed and margin the mistakes against the bound (R / gamma)^2, "
            "which no run may pass.",
        ),
        "approximation": Caption(
            "Figure 9, (6.5) to (6.11)",
            "A curve, staircases that follow it with more and more bins, and a smooth version.",
            "Pairs of threshold units add up to a staircase; sigmoids in place of the steps, here "
            "of steepness 2 a bin, round it off.",
        ),
        "rate": Caption(
            "Beyond the notes",
            "Error falls as a straight line with the number of bins in logarithms.",
            "Error of the staircase against its number of bins: means over shifted intervals with "
            "95 % intervals. A smooth function is met to first order.",
        ),
        "deformation": Caption(
            "(5.15), corrected",
            "Error against steepness with a minimum, and the share of units that still have a "
            "slope.",
            "Sigmoids in place of steps at a fixed number of bins. Too flat, they blur the "
            "function; steep, they are the steps again, and few units have a gradient left to "
            "learn from at any x. Means with 95 % intervals.",
        ),
    },
    metrics=(
        "learning.data.mistakes",
        "learning.data.share_converged",
        "slope_of_largest_error",
        "slope_of_rms_error",
    ),
    tables=("approximation", "deformation", "gates", "learning", "rate", "rows"),
    shown=(Headline("learning.data.mistakes", False, OTHER),),
    curves=(Curve("rate", "n_bins", "rms_error", log_x=True, log_y=True),),
    devices=("cpu",),
)
