"""What is fuzzed: for each kind of file how a hostile one is made, and the readers it comes in by.

Each reader is what a command does with the file, called in this process: the same readers, without
the start of a command line for each of 20,000 files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

import fuzz_images
import fuzz_runs
import fuzz_tables
import fuzz_yaml
from fuzz_seeds import Readers


@dataclass(frozen=True)
class Target:
    """A kind of file.

    Attributes:
        make: writes one hostile file, or folder, into an empty folder.
        readers: the name and the call of each reader, for what `make` wrote.
        runs: the runs among the seeds that it needs.
    """

    make: Callable[[Random, Path, Path], None]
    readers: Callable[[Path, Random], Readers]
    runs: tuple[str, ...] = ()


def model_target(runs: tuple[str, ...]) -> Target:
    """The models of these runs."""
    return Target(fuzz_runs.maker_of_models(runs), fuzz_runs.model_readers, runs)


TARGETS: Mapping[str, Target] = {
    "params": Target(fuzz_yaml.make_params, fuzz_yaml.params_readers),
    "dvc": Target(fuzz_yaml.make_dvc, fuzz_yaml.dvc_readers),
    "gates": Target(fuzz_yaml.make_gates, fuzz_yaml.gate_readers),
    "csv": Target(fuzz_tables.make_csv, fuzz_tables.table_readers),
    "npz": Target(fuzz_tables.make_npz, fuzz_tables.table_readers),
    "parquet": Target(fuzz_tables.make_parquet, fuzz_tables.table_readers),
    "note": Target(fuzz_tables.make_note, fuzz_tables.table_readers),
    "images": Target(fuzz_images.make_images, fuzz_images.image_readers),
    "idx": Target(fuzz_images.make_idx, fuzz_images.idx_readers),
    "checkpoint": Target(fuzz_runs.make_checkpoint, fuzz_runs.checkpoint_readers),
    "regressions": model_target(fuzz_runs.REGRESSIONS),
    "classifiers": model_target(fuzz_runs.CLASSIFIERS),
    "networks": model_target(fuzz_runs.NETWORKS),
    "runs": Target(fuzz_runs.make_run, fuzz_runs.run_readers, fuzz_runs.COMPARED),
    "pages": Target(fuzz_runs.make_run, fuzz_runs.page_readers, fuzz_runs.COMPARED),
}
