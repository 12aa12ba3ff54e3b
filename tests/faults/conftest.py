"""One warm process for all tests of faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fault_commands import Case, case
from fault_runs import Server, Yard, mirror


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    warm = Server()
    yield warm
    warm.close()


@pytest.fixture
def yard(server: Server, tmp_path: Path) -> Iterator[Callable[[str | Case], Yard]]:
    """A folder for a case, by its name."""
    with mirror(tmp_path / "mirror") as served:

        def make(which: str | Case) -> Yard:
            asked = case(which) if isinstance(which, str) else which
            return Yard(asked, tmp_path / asked.name.replace(" ", "_"), server, served)

        yield make
