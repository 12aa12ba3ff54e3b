"""What `descent` is: its help, its files, its figures and its headline metrics."""

from __future__ import annotations

from mlcli.experiments.experiment import OTHER, About, Caption, Curve, Headline

ABOUT = About(
    section="descent",
    summary="Gradient descent against the closed form and the gradient flow.",
    example="mlcli descent --batch-sizes 1,10,100",
    flags=("degree", "basis", "learning_rate", "momentum", "n_steps", "batch_sizes"),
    takes="numbers",
    title="Gradient descent (section 4)",
    question=(
        "How large may a step be, how many are needed, and what do random batches cost? On the "
        "loss of a linear model all of it is in the eigenvalues of the Hessian, and every "
        "measurement stands beside what they say."
    ),
    story="stochastic",
    figures={
        "paths": Caption(
            "Section 4.1",
            "Contours of an elongated bowl with paths of several learning rates; the largest one "
            "leaves the picture.",
            "Paths in the plane of the stiffest and the softest direction, first data set. Rates "
            "are in units of the critical one, 2 / lambda_max; above it the stiff direction grows.",
        ),
        "loss": Caption(
            "Section 4.1",
            "Excess loss falls with the steps on a logarithmic axis.",
            "Loss above the minimum against step: the first data set, and the central 95 % of all.",
        ),
        "stochastic": Caption(
            "Section 4.1.1, (4.8)",
            "Paths that wander around the minimum inside ellipses, the smaller the larger the "
            "batch.",
            "Minibatch descent at the largest rate of the noise floor, beside descent on every "
            "row, in the plane of the stiffest and the softest direction: first data set, up to "
            "six batch sizes. The ellipse is two standard deviations of the exact stationary law, "
            "which holds 86 % of a normal one.",
        ),
        "noise": Caption(
            "Section 4.1.1",
            "Excess loss against learning rate, one line a batch size, measured points on theory.",
            "Where minibatch descent settles: the mean excess loss against learning rate and batch "
            "size. Points are measured, with 95 % intervals; lines are the exact stationary value. "
            "Where a point is missing, that batch diverges at that rate.",
        ),
        "escape": Caption(
            "Section 4.1.1",
            "A loss with two minima; paths that stay in one or leave it; the share that leaves "
            "grows with the learning rate and with smaller batches.",
            "Rows in two groups and a loss that hardly counts rows far away have two minima. "
            "Descent on every row stays in the local one; minibatches leave it. Points are shares "
            "of runs with 95 % intervals; lines are the chain of the steps, computed without a "
            "random number.",
        ),
        "overfit": Caption(
            "Footnote 2",
            "Training error falls while test error rises; with weight decay the test error falls "
            "again.",
            "Three times as many columns as training rows. Left, descent without a penalty "
            "memorises them. Right, it goes on from there with weight decay, whose strength other "
            "rows chose. Medians and the central 95 % of data sets.",
        ),
        "flow": Caption(
            "Section 4.2, (4.13)",
            "Distance between descent and the flow falls with slope -1 as n grows.",
            "Descent in n steps against the flow at the same time: the distance falls like 1 / n, "
            "for the quadratic and for a loss that is none.",
        ),
        "rates": Caption(
            "Beyond the notes",
            "Steps for one more digit against condition number, for plain descent and momentum.",
            "Steps that one more correct digit takes, at the best fixed settings: plain descent "
            "pays the condition number, momentum its root. Lines are theory.",
        ),
    },
    metrics=(
        "critical_rate",
        "measured_over_critical",
        "final_excess",
        "final_distance",
        "flow_order",
    ),
    tables=(
        "escape",
        "escape_loss",
        "escape_paths",
        "flow",
        "grid_factors",
        "grid_paths",
        "loss",
        "noise",
        "overfit",
        "paths",
        "rates",
        "spread",
        "stochastic",
    ),
    headlines=(Headline("final_excess", False, OTHER),),
    curves=(
        Curve("loss", "step", "median", "low", "high", log_y=True),
        Curve(
            "noise",
            "rate",
            "measured",
            "ci_low",
            "ci_high",
            ("batch_size",),
            log_x=True,
            log_y=True,
        ),
    ),
    devices=("cpu",),
)
