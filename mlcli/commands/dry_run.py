"""`--dry-run`: what a command would do and write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlcli import console
from mlcli.report import folder
from mlcli.report.manifest import question_hash

if TYPE_CHECKING:
    from mlcli.commands.experiment import RunSpec


def show_plan(spec: RunSpec, done_already: bool) -> None:
    """Print the plan of a question, as a table or as JSON."""
    config = spec.resolved.config.model_dump(mode="json")
    plan = {
        "command": spec.asked["command"],
        "run": question_hash(spec.asked),
        "config": {
            key: {"value": value, "source": spec.resolved.sources[key]}
            for key, value in config.items()
        },
        "data": spec.asked["data"],
        "folder": str(spec.target),
        "files": [*spec.outputs, *folder.UNTRACKED],
        "work": spec.experiment.plan(spec.prepared),
        "done_already": done_already,
    }
    if spec.options.track:
        plan["track"] = list(spec.options.track)
    if spec.options.json:
        console.print_json(plan)
        return
    rows = {k: f"{v['value']}  ({v['source']})" for k, v in plan["config"].items()}
    console.print_text("\n".join(_plan_lines(plan, rows)))


def _plan_lines(plan: Mapping[str, Any], rows: Mapping[str, str]) -> Sequence[str]:
    lines = [f"{plan['command']}: nothing was run or written", "", console.pairs(rows), ""]
    lines += ["work:", console.pairs(plan["work"]), ""]
    lines += [f"would write to {plan['folder']}:", *(f"  {name}" for name in plan["files"])]
    if "track" in plan:
        lines.append(f"would be logged with {', '.join(plan['track'])}")
    if plan["done_already"]:
        lines.append("this run is there already, whole; it would be shown, not repeated")
    return lines
