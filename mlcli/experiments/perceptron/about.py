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
    story="steps",
    figures={
        "networks": Caption(
            "Figure 7",
            "Two inputs with arrows to an output unit, once directly and once past a hidden unit.",
            "The units that make the gates. A number at an arrow is a weight and one in a circle a "
            "bias: the unit fires where its weighted inputs and its bias add up to more than 0. A "
            "--truth-table that is neither of the two has its own network.",
        ),
        "gates": Caption(
            "Figure 8, Tables 2 and 3",
            "Squares of four inputs, shaded where the output is 1: below a line for NAND, a band "
            "for XOR.",
            "Outputs for the four inputs (filled is 1), the lines that the weights draw, and "
            "shaded the inputs for which the output is 1. XOR's output unit has one line where the "
            "hidden unit is silent and another where it fires, beyond the dashed line.",
        ),
        "boundary": Caption(
            "(6.2), on the data",
            "Two clouds of points, one for each class, with the learnt line between them.",
            "Rosenblatt's rule on the data of the run: standardised rows, seen so that the plane "
            "w · x + b = 0 is a line. Of more than two features the axes are the direction of the "
            "weights and the one at a right angle in which the rows vary most.",
        ),
        "learning": Caption(
            "Beyond the notes",
            "Left: points of two classes and the learnt line. Right: mistakes against the bound, "
            "every point below the diagonal.",
            "Rosenblatt's rule on random rows: the rows of the first seed with the line that was "
            "learnt, and for each seed and margin the mistakes against the bound (R / gamma)^2, "
            "which no run may pass.",
        ),
        "steps": Caption(
            "Figure 9a, (6.7) to (6.11)",
            "Two steps, the bump that is their difference, and bumps side by side below a curve.",
            "One unit is a step at s = -b / w; two of them and a height are a bump; a bump for "
            "each bin, as high as the function in its middle, and their sum follow the function.",
        ),
        "approximation": Caption(
            "Figure 9, (6.5), (6.6), (6.11)",
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
        "polynomials": Caption(
            "Footnote 2: Stone and Weierstrass",
            "Error against how many numbers may be chosen: two slow lines and one that plunges.",
            "Largest error of three families with equally many numbers to choose. The best "
            "polynomial lies in the shaded band: above what orthogonality says of any polynomial, "
            "below the interpolant. On a smooth function polynomials win by far, on one with a "
            "kink they are no faster than the units.",
        ),
        "sigmoids": Caption(
            "(5.15), corrected",
            "Sigmoids that become a step, and their distances from it against steepness.",
            "sigma(lambda z) tends to the step as lambda grows, not as it goes to 0, where it "
            "tends to 1/2. The area between them is 2 ln 2 / lambda; at z = 0 they stay 1/2 apart.",
        ),
        "deformation": Caption(
            "Consequences of (5.15), corrected",
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
    tables=(
        "approximation",
        "boundary",
        "deformation",
        "gates",
        "learning",
        "polynomials",
        "rate",
        "rows",
        "sigmoid_curves",
        "sigmoids",
        "steps",
    ),
    shown=(Headline("learning.data.mistakes", False, OTHER),),
    curves=(Curve("rate", "n_bins", "rms_error", log_x=True, log_y=True),),
    devices=("cpu",),
)
