"""How the threads of the numerical libraries wait: a bounded spin, then sleep.

By default a thread that waits for another one spins for milliseconds. On an idle machine that costs
nothing; beside other work it takes the processor from the very thread that it waits for, and a
training of seconds takes minutes. The variables below only change how a thread waits, never how
work is split, so results do not depend on them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping

# Each library reads its variables once, when it is loaded.
OPENMP = {
    # Any OpenMP runtime; LLVM's and Intel's then sleep at once.
    "OMP_WAIT_POLICY": "passive",
    # GNU's counts turns of its waiting loop: about 50 microseconds before it sleeps.
    "GOMP_SPINCOUNT": "1000",
}
OPENBLAS = {
    # Base-2 logarithm of clock ticks before an idle thread sleeps, 26 by default.
    "OPENBLAS_THREAD_TIMEOUT": "16",
}
# Variables of users that decide how OpenMP threads wait. Any of them leaves all of `OPENMP` unset.
OPENMP_CHOICES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
PREFIXES = ("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_")


def bound_spinning(environment: MutableMapping[str, str] | None = None) -> None:
    """Set how threads wait in libraries loaded later, here and in child processes.

    What the user has set stays. The program calls this at its start, and so does a worker of a
    cluster that another program started; importing mlcli changes no variable.

    Args:
        environment: variables by name; None: those of this process.
    """
    given = os.environ if environment is None else environment
    if not any(name in given for name in OPENMP_CHOICES):
        given.update(OPENMP)
    for name, value in OPENBLAS.items():
        given.setdefault(name, value)


def thread_variables(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that steer threads, sorted by name: their number and how they wait.

    Args:
        environment: variables by name; None: those of this process.
    """
    given = os.environ if environment is None else environment
    return {name: given[name] for name in sorted(given) if name.startswith(PREFIXES)}
