"""Fixtures of other rooms that proofs use too."""

from __future__ import annotations

from tests.scale.conftest import cluster, frail_cluster, own_cluster

__all__ = ["cluster", "frail_cluster", "own_cluster"]
