"""`bias-variance`: the decomposition of appendix A, computed (section 3.2 of the notes)."""

from __future__ import annotations

from mlcli.certificate import by_solve
from mlcli.experiments.bias_variance import tables
from mlcli.experiments.bias_variance.config import BiasVarianceConfig
from mlcli.experiments.bias_variance.ensemble import curve_grid
from mlcli.experiments.bias_variance.metrics import make_metrics, make_warnings
from mlcli.experiments.bias_variance.replicate import Outcome, run_replicate
from mlcli.experiments.experiment import Context, Prepared
from mlcli.linear.redundant import left_out_entry, left_out_notes
from mlcli.result import Result

DETERMINISM = (
    "each seed's ensemble is fitted with one BLAS thread and collected in the order of the seeds, "
    "so the bytes do not depend on --jobs; another machine, or another version of numpy, can "
    "differ in the last digits"
)


def run(prepared: Prepared[BiasVarianceConfig], context: Context) -> Result:
    """Fit the ensemble of every seed, decompose its error, and summarise over the seeds."""
    config, source = prepared.config, prepared.source
    grid = curve_grid(source, config)

    def work(index: int) -> Outcome:
        # The pointwise picture is the first seed's alone.
        return run_replicate(config, source, index, None if index else grid)

    outcomes: list[Outcome] = []
    for outcome in context.workers.map_ordered(work, range(config.n_seeds)):
        outcomes.append(outcome)
        context.progress(len(outcomes), config.n_seeds)
    along = outcomes[0].pointwise
    return Result(
        metrics=make_metrics(config, source, outcomes) | left_out_entry(outcomes[0].left_out),
        tables={
            "data": tables.data_table(source, along),
            "decomposition": tables.decomposition_table(config, outcomes),
            "descent": tables.descent_table(config, outcomes),
            "members": tables.members_table(config, along, grid),
            "pointwise": tables.pointwise_table(config, source, along, grid),
            "strengths": tables.strengths_table(config, outcomes),
        },
        determinism=DETERMINISM,
        warnings=[
            *left_out_notes(outcomes[0].left_out),
            *make_warnings(config, source, outcomes),
        ],
        certificates=by_solve({"path": [one.certificate for one in outcomes]}),
        certificate_hint="a larger --strength-min, or a lower --strength-degree",
    )
