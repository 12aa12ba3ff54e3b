"""Newton's method, which for logistic regression is iteratively reweighted least squares."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mlcli.certificate import Certificate
from mlcli.classification.objective import Bools, CentredObjective, Ints, Objective, even_weights
from mlcli.classification.quadratic import NewtonQuadratic, NewtonStep, is_definite, null_floor
from mlcli.classification.separation import FAR_AHEAD, LEVEL, Separation, find_direction
from mlcli.classification.softmax import Floats

GAP = "relative duality gap"
TOLERANCE = 1e-9
SLOPE = "largest KKT violation / E"
SLOPE_TOLERANCE = 1e-6
# A Newton step gives a bound where no activation changes by more than this; in exact arithmetic 1
# would be enough.
LARGEST_MOVE = 0.5
# The most multiplications and weights for which a Hessian is computed just for a certificate.
MOST_WORK = 2e10
MOST_WEIGHTS = 3000
# The relative gap at which Newton's method stops: far below the tolerance, since the weights are
# exact to about its square root. Rounding can end it earlier.
TARGET = 1e-20
# A rise of E by less than this, relative to E, is rounding.
ROUNDING = 1e-14
# A step must reach this share of the decrease that the gradient predicts (Armijo).
ARMIJO = 1e-4
# After so many halvings a step is lost in rounding.
HALVINGS = 60
# A Hessian is reused as long as each step is at most this share of the last one.
SHRINKS = 0.03
# After so many steps without progress, rounding has ended the descent.
PATIENCE = 10
# With more rows per weight than this, a fit to a sample of the rows is the start.
MANY_ROWS = 100
# Without a penalty, rows that are all classified correctly at a loss below this are separable.
SEPARATED = 1e-4
# At a relative decrease below this, the weights may only drift to infinity.
VANISHED = 1e-14
# An activation whose exponential is 0.
FAR = 1000.0
# The most steps to the infimum of E where it has no minimum.
REDUCED_STEPS = 100


def gap_certificate(
    value: float, step: NewtonStep, move: float, drift: float = 0.0, *, one_class: bool = False
) -> Certificate:
    r"""An upper bound of (E(W) - min E) / E(W) from a Newton step at W: between 0 and 1.

    Let s_n be the probabilities at W, S_n = diag(s_n) - s_n s_n^T, and d the step to the minimum
    of the quadratic, which moves the activations by D_n = d^T phi_n. Then s_n + S_n D_n are
    probabilities as long as no row's activations move against each other by more than 1, and they
    are a feasible point of the dual problem, because the quadratic's minimum has exactly their
    gradient. The gap of the two is sum_n r_n KL(s_n + S_n D_n | s_n) plus that of the penalty,
    which is at most `NewtonStep.decrease`, since KL <= chi^2. Where H was computed at other
    weights, whose activations differ by at most c, the gap is at most e^c times as much.

    Where an activation moves by more, there is no such point, and since E > 0 the bound is 1.

    Args:
        value: E(W).
        step: the Newton step at W.
        move: an upper bound of the largest relative change of a row's activations along the step.
        drift: c.
        one_class: whether all rows are of one class, so that E is 0 at its minimum.
    """
    bound = 0.0 if one_class and value == 0 else 1.0
    if step.solved and drift < 1.0 and move * np.exp(drift) <= LARGEST_MOVE and value > 0:
        bound = min(1.0, float(np.exp(drift)) * step.decrease / value)
    return Certificate(GAP, bound, TOLERANCE)


def largest_move(largest_values: Floats, direction: Floats) -> float:
    """An upper bound of `exact_move`, from max_n |phi_nj|."""
    return float(largest_values @ _spread(direction))


def exact_move(Phi: Floats, direction: Floats) -> float:
    """The largest change of a row's activations relative to each other, on the rows Phi (N, p)."""
    return float(_spread(Phi @ direction).max())


def _spread(moves: Floats) -> Floats:
    if moves.shape[1] == 1:
        return np.asarray(np.abs(moves[:, 0]))
    return np.asarray(moves.max(axis=1) - moves.min(axis=1))


def certificate_at(objective: Objective, W: Floats) -> Certificate:
    """The certificate of weights from any solver, (p, K) or (p, 1).

    It is the relative duality gap where E is convex and the Hessian is affordable. For the mean
    square, which is not convex and has no such bound, or very many weights, it is the largest
    slope of E along the weight of a standardised column, divided by E: on separable classes that
    does not go to 0 either.
    """
    work = objective.labels.size * float(W.size) ** 2
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        value, gradient = objective.evaluate(W)
        if not np.isfinite(value):
            return Certificate(SLOPE, np.nan, SLOPE_TOLERANCE)
        if objective.loss == "square" or W.size > MOST_WEIGHTS or work > MOST_WORK:
            slope = objective.violation(W)
            relative = slope / value if value > 0 else float(slope > 0)
            return Certificate(SLOPE, relative, SLOPE_TOLERANCE)
        quadratic = NewtonQuadratic(objective.hessian(W), objective.gauge)
        step = quadratic.step(W, gradient, objective.l1 * objective.penalised[:, 0], value)
        move = exact_move(objective.Phi, step.direction)
        return gap_certificate(value, step, move, one_class=objective.one_class)


@dataclass(frozen=True)
class LogisticFit:
    """Result of a solver for logistic regression.

    Attributes:
        W: (p, 1) for two classes, else (p, K).
        n_steps: steps taken.
        certificate: how far E(W) is from its minimum.
        diverged_at: the step at which the loss had grown without bound, or None.
        separable: whether E falls for ever as the weights grow, so that it has no finite minimum.
        separation: what proves that, for rows in memory.
    """

    W: Floats
    n_steps: int
    certificate: Certificate
    diverged_at: int | None = None
    separable: bool = False
    separation: Separation | None = None

    @property
    def converged(self) -> bool:
        """Whether the certificate is at most its tolerance."""
        return self.certificate.converged


def fit_newton(
    objective: Objective, start: Floats | None = None, max_steps: int = 100
) -> LogisticFit:
    """Minimise E by damped Newton steps, W <- W - H^-1 grad E.

    Each step solves a weighted least-squares problem, hence the name IRLS; with an l1 term it
    solves the lasso on the same quadratic (`NewtonQuadratic`). Steps are halved until E falls by a
    share of what the gradient predicts, so that they converge from any start. H is reused while
    the steps shrink fast, since a new one costs as much as many gradients. The duality gap
    (`gap_certificate`) decides when to stop.

    Args:
        objective: E, with the cross-entropy loss.
        start: initial weights; by default those of a fit to a sample of the rows where there are
            many rows, else zeros.
        max_steps: the largest number of steps.

    Raises:
        ValueError: the loss is the mean square, whose Hessian need not be positive.
    """
    if objective.loss != "cross-entropy":
        raise ValueError("Newton's method needs the cross-entropy, whose Hessian is positive")
    # A trial step may overflow: E is then NaN, and the step is halved.
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        centring = CentredObjective.of(objective)
        begin = None if start is None else centring.centred(start)
        newton = _Newton(centring.objective, begin)
        certificate = newton.fit(max_steps)
        return concluded(centring, newton.W, newton.n_steps, certificate)


def concluded(
    centring: CentredObjective, W: Floats, n_steps: int, certificate: Certificate
) -> LogisticFit:
    """The result of a solver at its last weights, which are not certified if E has no minimum.

    The loss can be certified to be close to its infimum although no finite weights reach it: the
    certificate is 1 then.

    Args:
        centring: E, and its centred columns.
        W: weights of the centred columns, (p, K) or (p, 1).
        n_steps: steps taken.
        certificate: at W.
    """
    objective = centring.objective
    fit = LogisticFit(centring.raw(W), n_steps, certificate)
    if certificate.converged and certificate.quantity != GAP:
        return fit
    least = FAR_AHEAD if certificate.converged else LEVEL
    found = find_direction(objective, W, least)
    if found is None:
        return fit
    direction, ahead, level = found
    separation = Separation(
        centring.raw(direction),
        int(level.any(axis=1).sum()),
        tuple(np.union1d(objective.labels[level.any(axis=1)], level.nonzero()[1]).tolist()),
        _infimum(objective, ahead) if level.any() else 0.0,
    )
    if certificate.converged:
        certificate = replace(certificate, value=1.0)
    return replace(fit, certificate=certificate, separable=True, separation=separation)


def _infimum(objective: Objective, ahead: Bools) -> float:
    """The minimum of E without the classes `ahead` (N, K) of each row, NaN if not certified."""
    behind = np.where(ahead, -FAR, 0.0)
    if objective.n_classes == 2:
        behind = behind[:, 1:] - behind[:, :1]
    newton = _Newton(replace(objective, offset=behind), np.zeros(objective.shape))
    return newton.value if newton.fit(REDUCED_STEPS).converged else float("nan")


class _Newton:
    """State of `fit_newton`: weights, E and its gradient there, and the last Hessian."""

    def __init__(self, objective: Objective, start: Floats | None) -> None:
        self._objective = objective
        self._l1 = objective.l1 * objective.penalised[:, 0]  # (p,)
        self._quadratic: NewtonQuadratic | None = None
        # An upper bound of the change of the activations since the Hessian was computed.
        self._drift = np.inf
        if start is None:
            W, self._quadratic = _start(objective)
        else:
            W = start.copy()
        self.n_steps = 0
        self.W = without_absent_classes(objective, W)
        self.value, self._gradient = objective.evaluate(self.W)

    def fit(self, max_steps: int) -> Certificate:
        """Step until the gap reaches `TARGET`, rounding stops the descent, or steps run out."""
        last, n_idle, may_end = np.inf, 0, self._objective.offset is None
        while True:
            step = self._step(last)
            certificate = self._certificate(step)
            gap = certificate.value
            stalled = certificate.converged and step.decrease > 0.25 * last
            if gap <= TARGET or stalled or self.n_steps >= max_steps or n_idle >= PATIENCE:
                return certificate
            if may_end and not certificate.converged and self._falls_no_more(step):
                if find_direction(self._objective, self.W, LEVEL) is not None:
                    return certificate
                may_end = False
            before = self.value
            if not self._descend(step):
                if self._drift == 0.0:
                    return certificate
                self._quadratic = None
            else:
                self.n_steps += 1
            idle = self.value >= before * (1.0 - 1e-15) and step.decrease > 0.5 * last
            n_idle = n_idle + 1 if idle else 0
            last = step.decrease

    def _step(self, last: float) -> NewtonStep:
        """The step of the last Hessian if it is good enough, else of a new one."""
        if self._quadratic is not None:
            step = self._quadratic.step(self.W, self._gradient, self._l1, self.value)
            done = step.decrease <= TARGET * self.value
            short = step.decrease <= SHRINKS**2 * last and self.value > 0
            if (not done and short) or (done and self._drift < 1.0):
                return step
        self._quadratic = NewtonQuadratic(self._objective.hessian(self.W), self._objective.gauge)
        self._drift = 0.0
        return self._quadratic.step(self.W, self._gradient, self._l1, self.value)

    def _certificate(self, step: NewtonStep) -> Certificate:
        objective = self._objective
        move, one_class = (
            largest_move(objective.largest_values, step.direction),
            objective.one_class,
        )
        certificate = gap_certificate(self.value, step, move, self._drift, one_class=one_class)
        if not certificate.converged and gap_certificate(self.value, step, 0.0).converged:
            move = exact_move(objective.Phi, step.direction)
            certificate = gap_certificate(self.value, step, move, self._drift)
        return certificate

    def _falls_no_more(self, step: NewtonStep) -> bool:
        """Whether E hardly falls any more: it is next to 0, or the weights may only grow."""
        vanished = step.decrease <= VANISHED * self.value
        return self.value <= SEPARATED or (self._drift == 0.0 and step.solved and vanished)

    def _descend(self, step: NewtonStep) -> bool:
        """Take the longest part of the step that lowers E enough; False if there is none."""
        size = 1.0
        for _ in range(HALVINGS):
            W = self.W + size * step.direction
            value, gradient = self._objective.evaluate(W)
            goal = self.value - ARMIJO * size * step.decrease
            if value <= goal + ROUNDING * abs(self.value):
                break
            size /= 2
        else:
            return False
        self.W, self.value, self._gradient = W, value, gradient
        self._drift += size * largest_move(self._objective.largest_values, step.direction)
        if size < 1.0:
            self._quadratic = None
        return True


def _start(objective: Objective) -> tuple[Floats, NewtonQuadratic | None]:
    """The weights and the Hessian of a fit to every n-th row, as the start for all rows."""
    nothing = np.zeros(objective.shape)
    stride = objective.labels.size // (MANY_ROWS * int(np.prod(objective.shape)))
    if stride < 4:
        return nothing, None
    some = slice(None, None, stride)
    total = objective.row_weights[some].sum()
    if not total > 0:
        return nothing, None
    part = replace(
        objective,
        Phi=np.ascontiguousarray(objective.Phi[some]),
        labels=objective.labels[some],
        row_weights=objective.row_weights[some] / total,
    )
    found = fit_newton(part, nothing)
    if not found.converged:
        return nothing, None
    return found.W, NewtonQuadratic(part.hessian(found.W), part.gauge)


def without_absent_classes(objective: Objective, W: Floats) -> Floats:
    """W with a probability of 0 for each class without rows, by its unpenalised constant.

    E falls for ever as these constants fall; beyond -1000 it no longer changes.
    """
    absent = np.bincount(objective.labels, objective.row_weights, objective.n_classes) == 0
    if not absent.any() or (constant := objective.free_constant) is None:
        return W
    far = FAR / objective.Phi[0, constant]
    W = W.copy()
    if W.shape[1] == 1:
        W[:] = 0.0
        W[constant] = far if absent[0] else -far
    else:
        W[constant, absent] = -far
    return W


def standard_errors(objective: Objective, W: Floats) -> Floats:
    """Square roots of the diagonal of (N H)^-1, W's shape: the curvature at the minimum.

    They are the standard errors of a maximum-likelihood fit with even row weights to N rows; a
    penalty makes them smaller and the estimate biased.
    """
    return standard_errors_from_hessian(
        objective.hessian(W), objective.gauge, objective.labels.size
    )


def standard_errors_from_hessian(H: Floats, gauge: Bools, n_rows: int) -> Floats:
    """`standard_errors` from the Hessian H (K p, K p) and the number of rows N, (p, K).

    Of a column with a gauge direction they refer to weights that add up to 0 over the classes. They
    are NaN for weights that the rows do not determine, such as those of equal columns.
    """
    p = gauge.size
    k = H.shape[0] // p
    H = H.copy()
    blocks, of = H.reshape(k, p, k, p), np.flatnonzero(gauge)
    added = np.einsum("jmjm->m", blocks[:, of][:, :, :, of]) / k  # (m,)
    # Curvature along the gauge directions alone, which is subtracted from the inverse again.
    blocks[:, of, :, of] += added[:, None, None] / k
    diagonal = np.diagonal(H)
    scale = np.where(diagonal > 0, np.sqrt(np.maximum(diagonal, 0.0)), 1.0)
    scaled = H / scale / scale[:, None]
    undetermined = np.zeros(diagonal.size, dtype=bool)
    if is_definite(scaled):
        variance = np.diagonal(np.linalg.inv(scaled)) / scale**2
    else:
        values, vectors = np.linalg.eigh(scaled)
        flat = values <= null_floor(values)
        variance = (vectors[:, ~flat] / scale[:, None]) ** 2 @ (1.0 / values[~flat])
        undetermined = (vectors[:, flat] ** 2).sum(axis=1) > 1e-6
    variance = variance.reshape(k, p)
    variance[:, of] -= 1.0 / (np.where(added > 0, added, np.inf) * k)
    errors = np.sqrt(np.maximum(variance, 0.0) / n_rows)
    errors[undetermined.reshape(k, p)] = np.nan
    return np.asarray(errors.T)  # (p, K)


def fit_logistic(
    Phi: Floats,
    labels: Ints,
    n_classes: int,
    l2: float,
    *,
    free: Ints | None = None,
    start: Floats | None = None,
    max_steps: int = 100,
) -> LogisticFit:
    """The minimum of the mean cross-entropy + l2 |W|^2, with one column of weights per class.

    Two classes have the column 0 and that of class 1, so that Phi W are activations for `softmax`.

    Args:
        Phi: columns, (N, p).
        labels: class of each row, 0..K-1, (N,).
        n_classes: K.
        l2: strength > 0: classes that can be separated have no finite minimum without it.
        free: columns without a penalty, usually the constant.
        start: initial weights, (p, K).
        max_steps: the largest number of steps.

    Raises:
        ValueError: the strength is not positive.
    """
    if not l2 > 0:
        raise ValueError(f"the strength l2 must be positive, got {l2}")
    unpenalised = () if free is None else tuple(free.tolist())
    objective = Objective(
        Phi, labels, n_classes, even_weights(labels.size), l2=l2, free=unpenalised
    )
    binary = n_classes == 2
    begin = start[:, 1:] if start is not None and binary else start
    found = fit_newton(objective, begin, max_steps)
    if binary:
        return replace(found, W=np.hstack([np.zeros_like(found.W), found.W]))  # (p, 2)
    return found
