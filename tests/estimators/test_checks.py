"""scikit-learn's own checks of an estimator, all of them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import mlcli.estimators

ALL = [getattr(mlcli.estimators, name)() for name in mlcli.estimators.__all__]


# Some checks hand over targets that are an exact function of the columns.
@pytest.mark.filterwarnings("ignore:the columns fit the target exactly")
# This one needs a variable that is read when SciPy is imported: see below.
@parametrize_with_checks(ALL)
def test_scikit_learn_accepts_it(estimator: Any, check: Any) -> None:
    check(estimator)


def test_arrays_of_other_namespaces_are_accepted() -> None:
    code = (
        "import sys, mlcli.estimators as E\n"
        "from sklearn.utils.estimator_checks import estimator_checks_generator as checks\n"
        "n = 0\n"
        "for name in E.__all__:\n"
        "    for estimator, check in checks(getattr(E, name)()):\n"
        "        if 'array_api' in str(check):\n"
        "            check(estimator); n += 1\n"
        "sys.exit(n != len(E.__all__))"
    )
    environment = os.environ | {"SCIPY_ARRAY_API": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
