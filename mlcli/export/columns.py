"""The columns of the linear models, eqs (3.8)-(3.11) and (4.2), as steps of a graph.

The constant is never among them: it is the offset of what comes after.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlcli.export.graph import Builder
from mlcli.linear.arnoldi import ArnoldiBasis
from mlcli.linear.basis import PRODUCTS, Basis, centres
from mlcli.linear.monomials import exponents, graded_monomials

Floats = NDArray[np.float64]


def basis_columns(build: Builder, basis: Basis, x: str) -> str | None:
    """phi_j at x (n, D) without the constant, (n, M); None where there is no other."""
    if basis.n_columns == int(basis.intercept):
        return None
    if basis.kind == "linear":
        return x
    if basis.kind in PRODUCTS:
        return _products(build, basis, x)
    return _additive(build, basis, x)


def _products(build: Builder, basis: Basis, x: str) -> str:
    D, d = basis.low.size, basis.degree
    tables = [x]  # T_1, T_2, ... of all features, (n, D) each
    if basis.kind != "polynomial":
        middle = basis.low / 2 + basis.high / 2
        half = basis.high / 2 - basis.low / 2
        units = {"shift": middle, "scale": np.where(half > 0, half, 1.0)}
        tables = [build.add("standardise", x, tensors=units)]
    for k in range(1, d):
        tables.append(_next(build, basis.kind, tables, k))
    left_out = [place - int(basis.intercept) for place in basis.left_out]
    if D == 1:
        table = build.concat(tables)
        kept = np.delete(np.arange(d), left_out)
        return table if not left_out else build.gather(table, kept, d)
    # A column of ones stands for a feature that has no part in a product.
    table = build.concat([*tables, build.constant(x, 1.0)])  # (n, D d + 1)
    orders = exponents(graded_monomials(D, d, intercept=False), D)
    orders = np.delete(orders, left_out, axis=0)  # (M, D)
    n_factors = int((orders > 0).sum(axis=1).max())
    places = np.full((n_factors, len(orders)), D * d, dtype=np.int64)
    for j, order in enumerate(orders):
        for r, feature in enumerate(np.flatnonzero(order)):
            places[r, j] = (order[feature] - 1) * D + feature
    product = build.gather(table, places[0], D * d + 1)
    for factor in places[1:]:
        product = build.add("multiply", product, build.gather(table, factor, D * d + 1))
    return product


def _next(build: Builder, kind: str, tables: list[str], k: int) -> str:
    """T_(k+1) from T_1, ..., T_k: u T_k, or by the three terms of its recurrence."""
    product = build.add("multiply", tables[0], tables[-1])
    if kind == "polynomial":
        return product
    ahead, back = ((2 * k + 1) / (k + 1), k / (k + 1)) if kind == "legendre" else (2.0, 1.0)
    if k == 1:
        return build.scale(product, ahead, -back)
    return build.add("add", build.scale(product, ahead), build.scale(tables[-2], -back))


def _additive(build: Builder, basis: Basis, x: str) -> str:
    D, d = basis.low.size, basis.degree
    span = np.where(basis.high > basis.low, basis.high - basis.low, 1.0)
    each = build.gather(x, np.repeat(np.arange(D), d), D)  # (n, D d)
    if basis.kind == "fourier":
        units = {"shift": np.repeat(basis.low, d), "scale": np.repeat(span, d)}
        turns = build.add("standardise", each, tensors=units)
        angle = 2 * np.pi * np.tile(np.arange(1, d + 1), D)
        still = {"gain": angle, "offset": np.zeros(D * d)}
        angles = build.add("scale", turns, tensors=still)
        waves = build.concat([build.add("sin", angles), build.add("cos", angles)])
        pairs = np.stack([np.arange(D * d), D * d + np.arange(D * d)], axis=1)  # (D d, 2)
        return build.gather(waves, pairs.reshape(-1), 2 * D * d)
    found = [centres(float(a), float(b), d) for a, b in zip(basis.low, basis.high, strict=True)]
    units = {
        "shift": np.concatenate([mu for mu, _ in found]),
        "scale": np.repeat([s for _, s in found], d),
    }
    z = build.add("standardise", each, tensors=units)
    if basis.kind == "sigmoid":
        return build.add("sigmoid", z)
    return build.add("exp", build.scale(build.square(z), -0.5))


def arnoldi_columns(build: Builder, basis: ArnoldiBasis, degree: int, x: str) -> str:
    """The columns up to a total degree, (n, size(degree)), the constant among them.

    A degree at a time: with Q_d its columns, V_d the products of a feature and a column of the
    degree below, and H_d, H_(<d) the parts of H in these columns, Q_d = (V_d - Q_(<d) H_(<d))
    H_d^-1.
    """
    D, kept = basis.shift.size, _kept(basis)
    units = {"shift": basis.shift, "scale": basis.scale}
    z = build.add("standardise", x, tensors=units, label="units")
    blocks: list[str] = []
    sizes: list[int] = []
    if basis.intercept:
        blocks.append(build.constant(x, 1.0 / basis.H[0, 0] if kept[0] else 0.0))
        sizes.append(1)
    for d in range(1, degree + 1):
        start, end = sum(sizes), basis.size(d)
        V = build.gather(z, basis.features[start:end], D)
        if sizes:
            first = start - sizes[-1]
            parents = build.gather(blocks[-1], basis.parents[start:end] - first, sizes[-1])
            V = build.add("multiply", V, parents)
        V = _without_earlier(build, basis.H[:start, start:end], blocks, sizes, V)
        there = np.flatnonzero(kept[start:end])
        C = np.zeros((end - start, end - start))
        H = basis.H[start:end, start:end]
        C[np.ix_(there, there)] = np.linalg.inv(H[np.ix_(there, there)])
        blocks.append(build.add("affine", V, tensors={"W": C}, label=f"degree{d}.norm"))
        sizes.append(end - start)
    return build.concat(blocks)


def _kept(basis: ArnoldiBasis) -> NDArray[np.bool_]:
    """Which columns are not zero, (p,); of one feature, none after the first that is."""
    if basis.shift.size > 1:
        return basis.kept
    return np.asarray(np.logical_and.accumulate(basis.kept))


def _without_earlier(build: Builder, H: Floats, blocks: list[str], sizes: list[int], V: str) -> str:
    """V - Q H, from the first block on that H needs: of one feature that is the last but one."""
    used = np.flatnonzero(H.any(axis=1))
    if not used.size:
        return V
    starts = np.concatenate([[0], np.cumsum(sizes)])
    first = int(np.searchsorted(starts, used[0], side="right")) - 1
    earlier = build.concat(blocks[first:])
    label = f"degree{len(sizes)}.earlier"
    removed = build.add("affine", earlier, tensors={"W": H[starts[first] :]}, label=label)
    return build.add("subtract", V, removed)
