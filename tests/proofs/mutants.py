"""How many small faults do the tests notice? A seeded sample of all, for each part of the program.

python -m tests.proofs.mutants [N] [--groups GROUP ...] [--processes P] [--seed S]

Each group is run once to learn which tests reach which lines. Then N of its faults, drawn at
random, are put into a copy of the project one at a time, and the tests that reach the changed
lines are run until one of them fails, the quickest ones first.
"""

from __future__ import annotations

import argparse
import functools
import gc
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
from statsmodels.stats.proportion import proportion_confint

from tests.proofs.mutations import Mutation, mutated, mutations

PROJECT = Path(__file__).resolve().parents[2]
N_MUTANTS = 300
# Tests beyond so many seconds of the processor are not run for a single fault.
SECONDS = 60.0
NOT_COPIED = (
    ".git",
    ".venv",
    "cache",
    "tmp",
    ".hypothesis",
    "*_cache",
    "runs",
    ".browser",
    "__pycache__",
)
# Loaded once, before any process is forked; nothing of the program itself.
HEAVY = (
    "matplotlib.backends.backend_agg",
    "pandas",
    "pydantic",
    "scipy.optimize",
    "scipy.special",
    "scipy.stats",
    "sklearn.linear_model",
    "statsmodels.api",
    "torch",
    "torch.func",
)


@dataclass(frozen=True)
class Group:
    """A part of the program.

    Attributes:
        sources: patterns of its files.
        tests: files and folders with its tests.
        bar: the share of faults that they must notice.
        but: a pattern of files that belong to another group.
        shares: whether the tests of a file share what they reach, as figures that are drawn once.
    """

    sources: tuple[str, ...]
    tests: tuple[str, ...]
    bar: float
    but: str = ""
    shares: bool = False

    def files(self, project: Path) -> list[str]:
        """Its files, relative to the project."""
        found = {path for pattern in self.sources for path in project.glob(pattern)}
        return sorted(
            path.relative_to(project).as_posix()
            for path in found
            if not (self.but and path.match(self.but))
        )


MATHEMATICS = (
    "linear",
    "selection",
    "classification",
    "optimisation",
    "backpropagation",
    "convolution",
)
GROUPS = {
    "mathematics": Group(
        (*(f"mlcli/{name}/**/*.py" for name in MATHEMATICS), "mlcli/scores.py"),
        (*(f"tests/{name}" for name in MATHEMATICS), "tests/test_scores.py"),
        0.85,
    ),
    "experiments": Group(
        ("mlcli/experiments/**/*.py",), ("tests/experiments",), 0.85, but="figures.py"
    ),
    "neural": Group(
        ("mlcli/neural/*.py",),
        (
            "tests/neural",
            "tests/experiments/test_lr_find_command.py",
            "tests/experiments/test_networks.py",
            "tests/experiments/test_propagate_command.py",
            "tests/experiments/test_train_cnn_command.py",
            "tests/experiments/test_train_cnn_study.py",
            "tests/experiments/test_train_mlp_command.py",
            "tests/models",
            "tests/commands/test_predict_command.py",
        ),
        0.85,
    ),
    "models": Group(
        ("mlcli/models/*.py",), ("tests/models", "tests/commands/test_predict_command.py"), 0.85
    ),
    "figures": Group(
        ("mlcli/experiments/*/figures.py", "mlcli/report/*figures.py", "mlcli/plotting.py"),
        (
            "tests/experiments/test_figures_classes.py",
            "tests/experiments/test_figures_in_general.py",
            "tests/experiments/test_figures_layers.py",
            "tests/experiments/test_figures_networks.py",
            "tests/experiments/test_figures_of_other_runs.py",
            "tests/experiments/test_figures_regression.py",
            "tests/report/test_description.py",
            "tests/report/test_figures_of_data.py",
            "tests/report/test_gallery.py",
            "tests/report/test_kfold_figure.py",
            "tests/report/test_names_of_data.py",
            "tests/report/test_network_figure.py",
            "tests/report/test_svg.py",
        ),
        0.70,
        shares=True,
    ),
}


class Recorder:
    """A plugin of pytest that keeps which test reached which line, and how long each took."""

    def __init__(self, coverage: Any, shares: bool) -> None:
        self.coverage = coverage
        self.shares = shares
        self.file = ""
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        # Other work on the machine does not change these.
        began = time.process_time()
        done = yield
        self.seconds[item.nodeid] = time.process_time() - began
        return done

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        # What a fixture reaches is reached by every test of the file: it may be shared.
        file = item.nodeid.split("::")[0]
        if file != self.file:
            # What another file left behind would not be reached again.
            for one in gc.get_objects():
                # Not isinstance, which asks the object: some warn, and some are gone already.
                if type(one) is functools._lru_cache_wrapper:
                    one.cache_clear()
        self.file = file
        self.coverage.switch_context(file)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        if not self.shares:
            self.coverage.switch_context(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self.failed.add(report.nodeid)


@dataclass(frozen=True)
class Reach:
    """Which tests of a group reach which lines.

    Attributes:
        seconds: of each test that passed.
        lines: file -> line -> tests, or files of tests.
    """

    seconds: dict[str, float]
    lines: dict[str, dict[str, list[str]]]

    def tests_of(self, mutation: Mutation) -> tuple[list[str], bool]:
        """The tests that reach a fault, quickest first, and whether slow ones are left out."""
        lines, (first, last) = self.lines.get(mutation.path, {}), mutation.lines
        found = {test for n in range(first, last + 1) for test in lines.get(str(n), ())}
        files = {name for name in found if "::" not in name}
        found |= {test for test in self.seconds if test.split("::")[0] in files}
        chosen, total = [], 0.0
        ordered = sorted(found & set(self.seconds), key=lambda test: (self.seconds[test], test))
        for test in ordered:
            total += self.seconds[test]
            if chosen and total > SECONDS:
                return chosen, True
            chosen.append(test)
        return chosen, False


def forked(work: Callable[[], int], log: Path, limit: float | None = None) -> int:
    """The exit code of a function in a process of its own; that of a signal if it took too long.

    Args:
        work: the function.
        log: what it prints.
        limit: on the seconds of the processor, and with ten times as many on those of the clock.
    """
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            os.setsid()
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_CPU, (int(limit) + 1, int(limit) + 2))
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(written, 1)
            os.dup2(written, 2)
            code = work()
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)
    end = None if limit is None else time.monotonic() + 10 * limit
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if end is not None and time.monotonic() > end:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return -9
        time.sleep(0.02)


def run_pytest(project: Path, tests: Sequence[str], *options: str, plugins: Any = None) -> int:
    """Run tests of a copy of the project, in this process."""
    os.chdir(project)
    os.environ["PYTHONPATH"] = str(project)
    sys.path[:] = [str(project), *(path for path in sys.path if Path(path or ".") != PROJECT)]
    for name in [name for name in sys.modules if name.split(".")[0] in ("tests", "mlcli")]:
        del sys.modules[name]
    options = ("-p", "no:cacheprovider", f"--basetemp={project}/.tests", "-q", *options)
    return int(pytest.main([*options, *tests], plugins=plugins))


def reach_of(project: Path, group: Group) -> Reach:
    """Run the tests of a group once."""
    from coverage import Coverage

    kept = project / ".reach.json"
    kept.unlink(missing_ok=True)
    files = group.files(project)

    def work() -> int:
        coverage = Coverage(
            data_file=None, config_file=False, include=[str(project / path) for path in files]
        )
        recorder = Recorder(coverage, group.shares)
        coverage.start()
        code = run_pytest(project, group.tests, plugins=[recorder])
        coverage.stop()
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            return code
        data = coverage.get_data()
        lines = {
            path: data.contexts_by_lineno(str(project / path))
            for path in files
            if str(project / path) in data.measured_files()
        }
        passed = {t: s for t, s in recorder.seconds.items() if t not in recorder.failed}
        kept.write_text(json.dumps([passed, sorted(recorder.failed), lines]), encoding="utf-8")
        return 0

    if forked(work, project / ".log"):
        sys.exit((project / ".log").read_text(encoding="utf-8"))
    seconds, failed, lines = json.loads(kept.read_text(encoding="utf-8"))
    if 10 * len(failed) > len(seconds):
        sys.exit(f"{len(failed)} tests fail without a fault: {', '.join(failed[:10])}")
    for test in failed:
        print(f"left out, fails or is skipped without a fault: {test}")
    return Reach(seconds, lines)


@dataclass(frozen=True)
class Tried:
    """What became of a fault.

    Attributes:
        noticed: whether a test failed.
        n_tests: how many tests reach it and were run.
        cut: whether slow tests that reach it were left out.
        seconds: how long it took.
    """

    noticed: bool
    n_tests: int
    cut: bool
    seconds: float


def attempt(project: Path, mutation: Mutation, reach: Reach) -> Tried:
    """Put a fault into the copy, run the tests that reach it, and take it out again."""
    began = time.monotonic()
    tests, cut = reach.tests_of(mutation)
    if not tests:
        return Tried(False, 0, cut, 0.0)
    path = project / mutation.path
    source = path.read_text(encoding="utf-8")
    limit = 30.0 + 5.0 * sum(reach.seconds[test] for test in tests)
    path.write_text(mutated(source, mutation), encoding="utf-8")
    try:
        code = forked(lambda: run_pytest(project, tests, "-x"), project / ".log", limit)
    finally:
        path.write_text(source, encoding="utf-8")
    passed = code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    return Tried(not passed, len(tests), cut, time.monotonic() - began)


def attempt_all(
    copies: Sequence[Path], sample: Sequence[Mutation], reach: Reach
) -> Iterator[tuple[Mutation, Tried]]:
    """Try faults in one process for each copy of the project."""
    pids = []
    for k, project in enumerate(copies):
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                with (project / ".tried.jsonl").open("w", encoding="utf-8") as file:
                    for mutation in sample[k :: len(copies)]:
                        tried = attempt(project, mutation, reach)
                        file.write(json.dumps(vars(tried)) + "\n")
                        file.flush()
                code = 0
            finally:
                os._exit(code)
        pids.append(pid)
    for pid in pids:
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
            sys.exit("a process that tried faults failed")
    for k, project in enumerate(copies):
        lines = (project / ".tried.jsonl").read_text(encoding="utf-8").splitlines()
        for mutation, line in zip(sample[k :: len(copies)], lines, strict=True):
            yield mutation, Tried(**json.loads(line))


def try_group(name: str, n_mutants: int, copies: Sequence[Path], seed: int) -> bool:
    """Print the share of a group that its tests notice and all survivors; whether it suffices."""
    group, began = GROUPS[name], time.monotonic()
    reach = reach_of(copies[0], group)
    learnt = time.monotonic() - began
    every = [one for path in group.files(copies[0]) for one in mutations(copies[0], path)]
    sample = random.Random(seed).sample(every, min(n_mutants, len(every)))
    tried = dict(attempt_all(copies, sample, reach))
    for mutation, one in tried.items():
        if not one.noticed:
            where = f"{mutation.path}:{mutation.lines[0]}"
            print(f"survived {one.n_tests} tests: {where}: {mutation.text}")
    n, noticed = len(tried), sum(one.noticed for one in tried.values())
    share = noticed / n
    low, high = proportion_confint(noticed, n, method="wilson")
    each = sum(one.seconds for one in tried.values()) / n
    cut = sum(one.cut and not one.noticed for one in tried.values())
    print(
        f"{name}: {noticed} of {n} noticed: {share:.3f}, standard error "
        f"{sqrt(share * (1 - share) / n):.3f}, 95 % interval {low:.3f} to {high:.3f}, "
        f"bar {group.bar:.2f}; drawn from {len(every)} with seed {seed}; "
        f"{time.monotonic() - began:.0f} s, of which {learnt:.0f} s for all tests once, "
        f"{each:.1f} s a fault; {cut} survivors have further tests, slower than {SECONDS:.0f} s",
        flush=True,
    )
    return share >= group.bar


def main(n_mutants: int, names: Sequence[str], n_processes: int, seed: int) -> int:
    """Try every group that is named; 0 if the tests notice enough in each."""
    began = time.monotonic()
    for module in HEAVY:
        import_module(module)
    folder = Path(tempfile.mkdtemp(prefix="mutants"))
    try:
        copies = [folder / str(k) for k in range(n_processes)]
        for project in copies:
            shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns(*NOT_COPIED))
        sys.dont_write_bytecode = True
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        enough = [try_group(name, n_mutants, copies, seed) for name in names]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{time.monotonic() - began:.0f} s in all")
    return int(not all(enough))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n_mutants", nargs="?", type=int, default=N_MUTANTS)
    parser.add_argument("--groups", nargs="*", choices=list(GROUPS))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="another sample, after new tests")
    given = parser.parse_args()
    groups = given.groups or list(GROUPS)
    sys.exit(main(given.n_mutants, groups, given.processes, given.seed))
