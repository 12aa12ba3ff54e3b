"""What `fit-poly` asks, and what each of its figures shows."""

from __future__ import annotations

from mlcli.report.captions.chapter import Caption, Chapter

CHAPTER = Chapter(
    "Polynomial regression (sections 3 and 4)",
    "How many parameters can noisy data carry, and what keeps a model with too many from "
    "chasing the noise? Polynomials of rising degree are fitted in closed form to many "
    "independent draws, first freely, then with a penalty on their coefficients.",
    {
        "data": Caption(
            "Figure 2",
            "Scatter of noisy points around a dashed smooth curve.",
            "The rows of the first seed, and the regularity from which they were drawn.",
        ),
        "fits": Caption(
            "Figure 3",
            "One panel a degree: low degrees follow the smooth curve, the highest one "
            "swings between the points, wildly so near the ends.",
            "Least-squares fits of each degree, with the central 95 % of fits over the seeds. "
            "The last panel is the notes' own estimator, which cuts off small singular values.",
        ),
        "coefficients": Caption(
            "Figure 4",
            "Coefficients of the highest degree against the power of x, huge, of both signs.",
            "Coefficients of the highest degree, no penalty: huge numbers that cancel.",
        ),
        "regularized_fits": Caption(
            "Figure 5",
            "Four panels of fits of the highest degree, from a weak penalty to a strong one.",
            "The highest degree again, under penalties of four strengths: weak ones let it "
            "follow the regularity, strong ones flatten it.",
        ),
        "regularized_coefficients": Caption(
            "Figure 6",
            "Coefficients of the highest degree under the penalty: a few small ones are left.",
            "Coefficients at the strength with the lowest mean error: a handful is left.",
        ),
        "path": Caption(
            "Beyond the notes",
            "Three panels against the strength of the penalty: errors, number of nonzero "
            "coefficients, and the coefficients themselves.",
            "The whole path, each point certified by its duality gap.",
        ),
    },
)
