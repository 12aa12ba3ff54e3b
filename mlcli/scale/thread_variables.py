"""The environment variables that steer the threads of numerical libraries.

By default these threads spin while they wait for each other. On an idle machine that costs nothing;
beside other work a waiting thread takes the processor from the thread that it waits for, and a run
of seconds takes minutes. OpenMP threads can be told to sleep. OpenBLAS's can't: the thread that
shares out a product always spins until the last part is done. It therefore gets one thread, which
also makes its sums the same on any number of cores.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping

# Each library reads its variables once, when it is loaded.
OPENMP = {
    # Threads sleep while they wait, in any OpenMP runtime.
    "OMP_WAIT_POLICY": "passive",
    # GNU's first checks so many times, some tens of microseconds, which short waits need.
    "GOMP_SPINCOUNT": "1000",
}
OPENBLAS = {"OPENBLAS_NUM_THREADS": "1"}
# What a user may have chosen instead. Any of them leaves all of `OPENMP`, or of `OPENBLAS`, unset.
OPENMP_CHOICES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")
OPENBLAS_CHOICES = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
PREFIXES = ("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "GOTO_")


def set_thread_variables(environment: MutableMapping[str, str] | None = None) -> None:
    """Set the variables for libraries loaded later, here and in child processes.

    What the user has set stays. The program calls this at its start, and so does a worker of a
    cluster that another program started; importing mlcli changes no variable.

    Args:
        environment: variables by name; None: those of this process.
    """
    given = os.environ if environment is None else environment
    for values, choices in ((OPENMP, OPENMP_CHOICES), (OPENBLAS, OPENBLAS_CHOICES)):
        if not any(name in given for name in choices):
            given.update(values)


def thread_variables(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that steer threads, sorted by name: their number and how they wait.

    Args:
        environment: variables by name; None: those of this process.
    """
    given = os.environ if environment is None else environment
    return {name: given[name] for name in sorted(given) if name.startswith(PREFIXES)}
