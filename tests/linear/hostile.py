"""Designs that hurt solvers, and what a solver's answer on them is held to."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.linear_model import ElasticNet

from mlcli.classification.perceptron import fit_perceptron, with_bias
from mlcli.errors import NoAnswerError
from mlcli.linear.bayes.evidence import maximise_evidence
from mlcli.linear.bayes.posterior import spectrum
from mlcli.linear.bayes.relevance import relevance
from mlcli.linear.bayes.unknown_noise import best_ratio
from mlcli.linear.design import standardize
from mlcli.linear.least_squares import lapack_least_squares
from mlcli.linear.penalised import elastic_net_path, l1_max, ridge_path
from mlcli.linear.r_factor import QRAccumulator, RFactor
from mlcli.optimisation.descent import least_squares_loss
from mlcli.selection.penalised import centred, centred_path

CLOSE = 1e-8
EXACT = 1e18
SHARES = (0.3, 1e-2, 1e-4)


@dataclass(frozen=True)
class Design:
    """Columns X (n, p) and a target t (n,)."""

    X: np.ndarray
    t: np.ndarray


@st.composite
def designs(draw: st.DrawFn, *, offsets: tuple[float, ...] = (0.0, 1e6)) -> Design:
    """Correlated, badly scaled, duplicated, constant or too many columns, far from zero."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    wide = draw(st.booleans())
    n, p = draw(st.integers(4, 10) if wide else st.integers(8, 40)), draw(st.integers(1, 8))
    p += n * wide
    rho = draw(st.sampled_from([0.0, 0.9, -0.9, 0.999, -0.999]))
    signs = np.where(np.arange(p) % 2, np.sign(rho) or 1.0, 1.0)
    shared = rng.normal(size=(n, 1)) * signs
    Z = np.sqrt(abs(rho)) * shared + np.sqrt(1 - abs(rho)) * rng.normal(size=(n, p))
    noise = draw(st.sampled_from([1e-3, 0.1, 1.0]))
    t = Z @ (rng.normal(size=p) * (rng.random(p) < 0.6)) + noise * rng.normal(size=n)
    X, offset = (
        Z * 10.0 ** (rng.uniform(-8, 8, p) * draw(st.booleans())),
        draw(st.sampled_from(offsets)),
    )
    if draw(st.booleans()) and p > 2:
        X[:, -1], X[:, p // 2] = X[:, 0], 0.1
    return Design(X + offset * np.abs(X).max(axis=0), t + offset)


@st.composite
def small_designs(draw: st.DrawFn) -> Design:
    """One row or a few, equal rows, few values, dependent columns, targets without variance."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, p = draw(st.sampled_from([1, 2, 3, 4, 6, 10, 30])), draw(st.sampled_from([1, 2, 3, 5, 12]))
    X = {
        "normal": rng.normal(size=(n, p)),
        "integers": rng.integers(-1, 2, size=(n, p)).astype(float),
        "rare": (rng.random((n, p)) < 0.15).astype(float),
        "rank 1": np.outer(rng.normal(size=n), rng.normal(size=p)),
    }[draw(st.sampled_from(["normal", "integers", "rare", "rank 1"]))]
    if draw(st.booleans()):
        X[:, 0] = 1.0
    if p > 1 and draw(st.booleans()):
        X[:, 1] = X[:, 0]
    if draw(st.booleans()):
        X[n // 2 :] = X[: n - n // 2]
    t = {
        "noise": rng.normal(size=n),
        "exact": X @ rng.normal(size=p),
        "constant": np.full(n, draw(st.sampled_from([0.0, 0.1, 3.7]))),
        "binary": (rng.random(n) < 0.5).astype(float),
        "next to constant": 1e6 + 1e-6 * rng.normal(size=n),
    }[draw(st.sampled_from(["noise", "exact", "constant", "binary", "next to constant"]))]
    X = X * 10.0 ** (rng.uniform(-8, 8, size=p) * draw(st.booleans()))
    return Design(X, t * draw(st.sampled_from([1.0, 1e8, 1e-8])))


def r_factor_of(Phi: np.ndarray, t: np.ndarray) -> RFactor:
    """In batches, as a file is read."""
    rows = QRAccumulator(Phi.shape[1])
    for start in range(0, t.size, 7):
        rows.add(Phi[start : start + 7], t[start : start + 7])
    return rows.r_factor()


def objective(A: np.ndarray, b: np.ndarray, w: np.ndarray, l1: float, l2: float) -> float:
    """(3.13)."""
    return float(((b - A @ w) ** 2).sum() / (2 * b.size) + l1 * np.abs(w).sum() + l2 * w @ w)


def check_elastic_net(design: Design, scaled: bool, second: float) -> None:
    """Certified, and no higher than scikit-learn, from the rows and from their R factor."""
    A, b, scaling = standardize(design.X, design.t)
    A = A if scaled else A * scaling.std
    top = l1_max(A, b, b.size)
    if top == 0.0:
        return
    l1s = [share * top for share in SHARES]
    l2s = [share * second * float((A**2).mean(axis=0).max()) for share in SHARES]
    path = elastic_net_path(A, b, b.size, l1s, l2s)
    assert path.certificate.converged, path.certificate
    problem = centred(r_factor_of(np.column_stack([np.ones(b.size), A]), b), A.shape[1] + 1, True)
    streamed = centred_path(problem, b.size, l1s, l2s)
    assert streamed.certificate is not None
    assert streamed.certificate.converged, streamed.certificate
    for k, (l1, l2) in enumerate(zip(l1s, l2s, strict=True)):
        alpha = l1 + 2 * l2
        peer = ElasticNet(
            alpha=alpha, l1_ratio=l1 / alpha, fit_intercept=False, tol=1e-12, max_iter=3000
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            best = objective(A, b, peer.fit(A, b).coef_, l1, l2)
        for w in (path.w[:, k], streamed.w[:, k]):
            assert objective(A, b, w, l1, l2) <= best * (1 + CLOSE), (l1, l2)


def check_ridge(design: Design, l2: float) -> None:
    """The minimum by the normal equations of [A; sqrt(2 N l2) I], solved by QR."""
    A, b, _ = standardize(design.X, design.t)
    w = ridge_path(A, b, b.size, [l2]).w[:, 0]
    rows = np.concatenate([A, np.sqrt(2 * b.size * l2) * np.eye(A.shape[1])])
    Q, R = np.linalg.qr(rows)
    peer = np.linalg.solve(R, Q[: b.size].T @ b)
    assert objective(A, b, w, 0.0, l2) <= objective(A, b, peer, 0.0, l2) * (1 + CLOSE)


def check_least_squares(design: Design, rcond: float) -> None:
    """The shortest solution in the singular directions above the cut."""
    A, b, _ = standardize(design.X, design.t)
    s = np.linalg.svd(A, compute_uv=False)
    near = np.abs(np.log(np.maximum(s, 1e-300) / (rcond * s.max(initial=0.0) or 1.0))) < 1e-6
    if near.any():
        return
    found = lapack_least_squares(A, b, rcond)
    peer = np.linalg.pinv(A, rcond=rcond) @ b
    least = float(((b - A @ peer) ** 2).sum())
    rounding = CLOSE * least + (1e-14 / rcond) ** 2 * float(b @ b)
    assert float(((b - A @ found.w) ** 2).sum()) <= least + rounding


def log_evidence(
    Phi: np.ndarray, t: np.ndarray, log_alpha: np.ndarray | float, log_beta: float
) -> float:
    """ln N(t | 0, I / beta + sum_j phi_j phi_j^T / alpha_j), by an SVD of the weighted columns."""
    n, columns = t.size, Phi * np.exp(-np.asarray(log_alpha) / 2)
    U, s, _ = np.linalg.svd(columns, full_matrices=False)
    z = U.T @ t
    rest = t - U @ z
    rest -= U @ (U.T @ rest)
    d = s**2 + np.exp(-log_beta)
    logs = float(np.log(d).sum()) - (n - s.size) * log_beta
    return -0.5 * (
        n * np.log(2 * np.pi) + logs + float((z**2 / d).sum()) + np.exp(log_beta) * rest @ rest
    )


def climbed(Phi: np.ndarray, t: np.ndarray, start: np.ndarray) -> float:
    """The log evidence where SciPy ends from a start; the last number is ln beta."""

    def negative(x: np.ndarray) -> float:
        x = np.clip(x, -90.0, 90.0)
        return -log_evidence(Phi, t, x[:-1] if x.size > 2 else x[0], x[-1])

    found = minimize(negative, start, method="L-BFGS-B", options={"maxiter": 200})
    return max(-float(found.fun), -negative(start))


def closeness(Phi: np.ndarray, value: float) -> float:
    """1e-8, and what rounding of nearly collinear columns does to the smallest singular value."""
    s = np.linalg.svd(Phi, compute_uv=False)
    kept = s[s > 1e-15 * s[0]]
    return max(1.0, abs(value)) * (CLOSE + 1e-15 * float(s[0] / kept[-1]))


def check_evidence(design: Design) -> None:
    """Certified, and no lower than SciPy from several starts."""
    Phi = np.column_stack([np.ones(design.t.size), design.X])
    unit = np.abs(Phi).max()
    Phi, t = Phi / unit, design.t / np.abs(design.t).max()
    try:
        found = maximise_evidence(spectrum(r_factor_of(Phi, t)))
    except NoAnswerError:
        return
    assert found.certificate is not None
    assert found.certificate.converged, found.certificate
    value = log_evidence(Phi, t, np.log(found.prior_precision), np.log(found.noise_precision))
    close = closeness(Phi, value)
    assert abs(value - found.log_evidence) <= close
    rms = float((t**2).mean())
    for beta, alpha in ((1.0, 1.0), (1e2, 1e-4), (1e6, 1e2), (1e12, 1e-8)):
        start = np.log([alpha / rms, beta / rms])
        assert climbed(Phi, t, start) <= value + close or found.at_limit


def check_relevance(design: Design) -> None:
    """Certified, and SciPy finds nothing higher from where it ended."""
    Phi = np.column_stack([np.ones(design.t.size), design.X])
    length = np.linalg.norm(Phi, axis=0)
    Phi, t = Phi / length, design.t / np.linalg.norm(design.t)
    r_factor = r_factor_of(Phi, t)
    if r_factor.R[-1, -1] == 0.0:
        return
    found = relevance(r_factor)
    # With no noise left to speak of, its precision grows without bound, and nothing is certified.
    if found.noise_precision > EXACT:
        return
    assert found.certificate.converged, found.certificate
    alpha = np.where(np.isfinite(found.prior_precisions), found.prior_precisions, 1e38)
    start = np.append(np.log(alpha), np.log(found.noise_precision))
    value, close = found.log_evidence, closeness(Phi, found.log_evidence)
    assert abs(log_evidence(Phi, t, start[:-1], float(start[-1])) - value) <= close
    assert climbed(Phi, t, start) <= value + close


def check_answer_or_reason(design: Design, scaled: bool) -> None:
    """Each solver's answer is finite and certified, or it says why there is none."""
    A, b, scaling = standardize(design.X, design.t)
    A = A if scaled else A * scaling.std
    assert np.isfinite(ridge_path(A, b, b.size, [1e-9, 1.0, 1e9]).w).all()
    top = l1_max(A, b, b.size)
    if top > 0:
        l1s = [share * top for share in SHARES]
        path = elastic_net_path(A, b, b.size, l1s, [0.0] * len(l1s))
        assert np.isfinite(path.w).all()
        assert path.certificate.converged, path.certificate
    Phi = np.column_stack([np.ones(design.t.size), design.X])
    r_factor = r_factor_of(Phi, design.t)
    try:
        evidence = maximise_evidence(spectrum(r_factor))
        _, certificate = best_ratio(spectrum(r_factor), 1.0, 1.0)
    except NoAnswerError:
        pass
    else:
        assert evidence.certificate is not None
        assert evidence.certificate.converged or evidence.at_limit
        assert certificate.converged
    sides = np.where(design.t > np.median(design.t), 1.0, -1.0)
    found = fit_perceptron(design.X, sides, 100)
    assert np.isfinite(found.w).all()
    assert found.converged == ((with_bias(design.X) @ found.w) * sides > 0).all()
    loss = least_squares_loss(Phi, design.t)
    if loss.values.size == Phi.shape[1] and loss.values[0] > 1e-10 * loss.values[-1]:
        residual = design.t - Phi @ loss.w_star
        rounding = 1e-9 * np.linalg.norm(design.t) * np.linalg.norm(Phi, axis=0)
        assert (np.abs(Phi.T @ residual) <= rounding).all()
