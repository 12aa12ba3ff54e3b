"""What cross-validation needs of the data: one small R factor a block of rows, from one pass.

The R factor of a training part is that of its blocks' R factors put below each other, so no fit
ever goes back to the rows, and the condition number is never squared.
"""

from __future__ import annotations

from collections.abc import Sequence

from mlcli.linear.arnoldi import ArnoldiBasis, fit_arnoldi
from mlcli.linear.arrays import Floats, Ints, subsample_indices
from mlcli.linear.column_families import NestedColumns
from mlcli.linear.polynomial import MANY_ROWS, compressed
from mlcli.linear.r_factor import QRAccumulator, RFactor
from mlcli.selection.folds import Folds

# Rows gathered at a time, so that what is gathered stays in the cache.
GATHERED = 65_536


def block_r_factors(columns: NestedColumns, t: Floats, blocks: Sequence[Ints]) -> list[RFactor]:
    """The R factor of [P t] on each block of rows, by QR; t (N,)."""
    n_columns = columns.sizes[-1]
    return [_of_rows(columns.rows(block), t[block], n_columns) for block in blocks]


def _of_rows(P: Floats, t: Floats, n_columns: int) -> RFactor:
    accumulator = QRAccumulator(n_columns)
    accumulator.add(P[:, :n_columns], t)
    return accumulator.r_factor()


def polynomial_blocks(
    X: Floats,
    t: Floats,
    degrees: tuple[int, ...],
    blocks: Sequence[Ints],
    *,
    intercept: bool = True,
) -> tuple[NestedColumns, list[RFactor]]:
    """Polynomial columns for least squares and their R factors on each block.

    Few rows: columns orthonormal on all of them. Many: orthonormal on a sample, so nearly so on
    all, and each block is compressed by its Gram matrix in one pass, without loss; where a block's
    columns are not nearly orthogonal after all, by QR.

    Args:
        X, t: data, (N, D) and (N,).
        degrees: rising.
        blocks: row numbers of each block.
        intercept: whether the constant is a column.
    """
    many = t.size > MANY_ROWS
    sample = subsample_indices(X) if many else slice(None)
    basis, Q = fit_arnoldi(X[sample], degrees[-1], intercept=intercept)
    if many and basis.rank < basis.n_columns:
        # A column that vanishes on the sample may not vanish on all rows.
        many = False
        basis, Q = fit_arnoldi(X, degrees[-1], intercept=intercept)
    sizes = tuple(basis.size(degree) for degree in degrees)
    if not many:
        columns = NestedColumns(degrees, sizes, Q.__getitem__, basis.evaluate, intercept)
        return columns, block_r_factors(columns, t, blocks)

    def rows(index: Ints | slice) -> Floats:
        return basis.evaluate(X[index])

    columns = NestedColumns(degrees, sizes, rows, basis.evaluate, intercept)
    c0 = Q.T @ t[sample]  # (p,)
    return columns, [_of_block(basis, c0, X, t, block) for block in blocks]


def _of_block(basis: ArnoldiBasis, c0: Floats, X: Floats, t: Floats, block: Ints) -> RFactor:
    parts = (block[start : start + GATHERED] for start in range(0, block.size, GATHERED))
    batches = [(X[rows], t[rows]) for rows in parts]
    return compressed(basis, c0, batches).with_target(c0)


def training_r_factors(parts: Sequence[RFactor], folds: Folds) -> list[RFactor]:
    """The R factor of each split's training rows.

    Where every block tests once and all others train, what comes before a block and what comes
    after it is merged once for all: 3 k small QRs instead of k^2.
    """
    k = len(parts)
    if folds.n_splits == k and all(len(blocks) == k - 1 for blocks in folds.train):
        before, after = _running(parts), _running(parts[::-1])[::-1]
        return [
            _both(before[b - 1] if b else None, after[b + 1] if b + 1 < k else None)
            for b in folds.test
        ]
    return [merged([parts[b] for b in blocks]) for blocks in folds.train]


def merged(parts: Sequence[RFactor]) -> RFactor:
    """The R factor of all parts' rows together."""
    return _running(parts)[-1]


def _running(parts: Sequence[RFactor]) -> list[RFactor]:
    total = [parts[0]]
    for part in parts[1:]:
        total.append(total[-1].merge(part))
    return total


def _both(first: RFactor | None, second: RFactor | None) -> RFactor:
    if first is None or second is None:
        found = second if first is None else first
        if found is None:
            raise ValueError("a split must train on at least one block")
        return found
    return first.merge(second)
