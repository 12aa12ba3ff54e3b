"""What `lr-find` is: its help, its files, its figures and its headline metrics."""

from __future__ import annotations

from mlcli.experiments.experiment import OTHER, About, Caption, Curve, Headline

ABOUT = About(
    section="lr_find",
    summary="Find the learning rate: the range test, with error bars.",
    example="mlcli lr-find --hidden 256-128 --optimiser adam --apply",
    flags=("network", "hidden", "activation", "init", "optimiser", "batch_size", "n_steps"),
    takes="both",
    by_intervals=True,
    title="Finding the learning rate (section 7.4)",
    question=(
        "How large may the learning rate be? It grows a little at every step until the loss "
        "diverges; a tenth of that rate is the eta_max of the one-cycle schedule. Every seed "
        "sweeps beside the others, so that a suggestion has a spread, and trainings show what it "
        "is worth."
    ),
    figures={
        "range_test": Caption(
            "Section 7.4, Figure 15",
            "Loss against learning rate on a logarithmic axis: it falls, stays low and shoots up; "
            "below it the rate of each rule with its interval.",
            "Loss of each minibatch before its step, against the rate of that step: its level (a "
            "median over steps, which does not lag) with the central 95 % of the seeds, one seed "
            "as it is, and the usual moving average. eta_crit is where the level starts to "
            "diverge; eta_max is a tenth of it. The other rules are those of fastai, which read "
            "the moving average; minimum is a tenth of the rate with the smallest loss. Geometric "
            "means with 95 % intervals.",
        ),
        "suggestions": Caption(
            "Section 7.4",
            "One row a rule, every seed a point on a logarithmic axis.",
            "How far a suggestion depends on the seed: every seed as a point, the geometric mean "
            "with its 95 % interval beside them.",
        ),
        "schedule": Caption(
            "Section 7.4, (7.25) to (7.27)",
            "Learning rate against the share of the training for six schedules, on a linear and "
            "on a logarithmic axis: one cycle goes up, down, and down to almost nothing.",
            "The schedules with this eta_max. One cycle goes from eta_min up to eta_max and back, "
            "then down to eta_0; `mlcli train-mlp --params one_cycle.yaml` follows it. The others "
            "start at eta_max: (7.25) with c = 1 and (7.26), both with s of half the training, "
            "and (7.27) with a tenth and a hundredth of it; three cycles share one training.",
        ),
        "compare": Caption(
            "Section 7.4",
            "Training and validation curves of the suggestion and of three fixed rates.",
            "The same networks trained with the suggestion, with eta_max all along, with a "
            "hundredth of it, and with eta_crit: on the same splits, from the same start. Means "
            "over the seeds with 95 % intervals; a curve ends where a seed diverges.",
        ),
        "compare_schedules": Caption(
            "Section 7.4, (7.25) to (7.27)",
            "Training and validation curves of six schedules of one largest rate.",
            "The same networks trained with each schedule of the figure above, all with the same "
            "largest rate: on the same splits, from the same start. Means over the seeds with "
            "95 % intervals; a curve ends where a seed diverges.",
        ),
        "schedule_scores": Caption(
            "Section 7.4, (7.25) to (7.27)",
            "One row a schedule: single seeds as points, the mean with its interval beside them.",
            "The score on test rows by each schedule: every seed as a point, their mean with its "
            "95 % interval.",
        ),
    },
    metrics=(
        "eta_crit",
        "eta_max",
        "eta_min",
        "suggestions.*",
        "n_diverged",
        "comparison.one_cycle.test_accuracy",
    ),
    tables=("compare", "compare_members", "schedule", "suggestions", "sweep"),
    others=("one_cycle.yaml",),
    shown=(Headline("eta_max", True, OTHER),),
    curves=(
        Curve(
            "sweep",
            "rate",
            "loss_median",
            "loss_low",
            "loss_high",
            ("variant",),
            log_x=True,
            log_y=True,
        ),
    ),
    one_program=True,
)
