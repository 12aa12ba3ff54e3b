"""The value of each seed behind a mean, from seeds.csv of a run."""

from __future__ import annotations

import csv
from math import isfinite
from pathlib import Path

from mlcli.errors import DataError
from mlcli.report.files import SEEDS
from mlcli.review.metrics import is_measured, quantities
from mlcli.review.runs import Run

HEADING = ["variant", "metric", "seed", "value"]


def per_seed(run: Run) -> dict[str, dict[int, float]]:
    """Path of a metric -> seed -> value, for each mean whose values are all there and finite.

    A run folder without that file has none.

    Raises:
        DataError: seeds.csv can't be read, or is not the table that a run writes.
    """
    path = run.folder / SEEDS
    found: dict[str, dict[int, float]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            if next(reader, []) != HEADING:
                raise _refusal(path, 1, f"the heading {','.join(HEADING)}", "another")
            for row in reader:
                if len(row) != len(HEADING):
                    raise _refusal(path, reader.line_num, f"{len(HEADING)} cells", f"{len(row)}")
                variant, metric, seed, value = row
                name = f"{variant}.{metric}" if variant else metric
                found.setdefault(name, {})[int(seed)] = float(value or "nan")
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a table in UTF-8 ({error})", hint="the run again") from None
    except ValueError as error:
        raise _refusal(path, reader.line_num, "a seed and a value", f"{error}") from None
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror})") from None
    means = {path: one for path, one in quantities(run.metrics).items() if is_measured(one)}
    return {
        path: values
        for path, values in found.items()
        if path in means and len(values) == means[path]["n"] and all(map(isfinite, values.values()))
    }


def _refusal(path: Path, line: int, must: str, got: str) -> DataError:
    return DataError(f"{path}, line {line}", must=must, got=got, hint="the run again")
