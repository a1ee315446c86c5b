"""Gaussian processes that learn the log residuals of a few measurements, one for each amount.

A process gives a spread that grows with the distance from measured points, which the choice of the
next measurement needs. Its covariance is amplitude * (squared exponential + bias), plus noise
(Rasmussen and Williams 2006, 4.2.1 and 2.3). Length and noise are those of a grid with the largest
marginal likelihood (their 5.8); the amplitude has a closed form. A grid of numpy fits the table of
kernels in milliseconds, where a library's optimizer takes a second to import alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from qnas.accel.calibration.designs import Floats

LENGTHS = tuple(np.geomspace(0.5, 20.0, 9).tolist())
NOISES = (0.001, 0.01, 0.1, 1.0)  # variance of a measurement's own noise, over the amplitude
BIASES = (0.0, 1.0)  # variance of an error that all designs share, over the amplitude
AMPLITUDE = (1e-8, 1.0)  # least and most


@dataclass(frozen=True, slots=True)
class Process:
    """A fitted process of one amount.

    Attributes:
        x: (points, features) where it was measured.
        y: (points) log residuals.
        length: Length scale of the squared exponential.
        noise: Variance of the noise, over the amplitude.
        bias: Variance of the common error, over the amplitude.
        amplitude: Variance of the squared exponential.
        inverse: (points, points) inverse of the covariance over the amplitude.
    """

    x: Floats
    y: Floats
    length: float
    noise: float
    bias: float
    amplitude: float
    inverse: Floats

    def covariance(self, a: Floats, b: Floats) -> Floats:
        """Covariance over the amplitude, without noise, (a, b)."""
        return _kernel(a, b, self.length) + self.bias

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """The shift and the spread at points, (points) each."""
        to_known = self.covariance(x, self.x)
        shift = to_known @ (self.inverse @ self.y)
        own = 1 + self.bias + self.noise
        variance = own - np.einsum("ij,jk,ik->i", to_known, self.inverse, to_known)
        return shift, np.sqrt(self.amplitude * np.maximum(variance, 1e-12))

    def refitted(self, x: Floats, y: Floats) -> Process:
        """The process of other points, with the same length, noise and bias."""
        inverse = np.linalg.inv(self.covariance(x, x) + self.noise * np.eye(len(x)))
        amplitude = float(np.clip(y @ inverse @ y / len(y), *AMPLITUDE))
        kept = (self.length, self.noise, self.bias)
        return Process(x, y, *kept, amplitude, np.asarray(inverse, float))

    def left_out(self, groups: NDArray[np.generic]) -> tuple[Floats, Floats]:
        """Shift and spread of each point if its group is left out, with the same covariance.

        They follow from blocks of the inverse (Rasmussen and Williams, 5.12, for groups).
        """
        weights = self.inverse @ self.y
        shift, spread = np.empty(len(self.y)), np.empty(len(self.y))
        for group in np.unique(groups):
            at = np.flatnonzero(groups == group)
            covariance = np.linalg.inv(self.inverse[np.ix_(at, at)])
            shift[at] = self.y[at] - covariance @ weights[at]
            spread[at] = np.sqrt(self.amplitude * np.maximum(np.diag(covariance), 1e-12))
        return shift, spread

    def gains(self, known: Floats, left: Floats, goals: Floats, weights: Floats) -> Floats:
        """How much one more measurement reduces the variance of goals.

        Args:
            known: (measured, features) points that were or will be measured.
            left: (candidates, features) points that may be measured next.
            goals: (goals, features) points whose variance counts.
            weights: (goals) weight of each goal.

        Returns:
            (candidates) reduction of the weighted variance.
        """
        noise = self.noise
        inverse = np.linalg.inv(self.covariance(known, known) + noise * np.eye(len(known)))
        to_left = self.covariance(left, known) @ inverse
        both = self.covariance(left, goals) - to_left @ self.covariance(goals, known).T
        own = 1 + self.bias - np.einsum("ij,ij->i", to_left, self.covariance(left, known))
        found: Floats = self.amplitude * (both**2 / (own + noise)[:, None]) @ weights
        return found


def fit_process(x: Floats, y: Floats) -> Process:
    """Fit a process to log residuals `y` (points) at `x` (points, features)."""
    kernels = {length: _kernel(x, x, length) for length in LENGTHS}
    found = []
    for length, noise, bias in product(LENGTHS, NOISES, BIASES):
        covariance = kernels[length] + bias + noise * np.eye(len(x))
        root = np.linalg.cholesky(covariance)
        white = np.linalg.solve(root, y)
        amplitude = float(np.clip(white @ white / len(y), *AMPLITUDE))
        fit = white @ white / amplitude + len(y) * np.log(amplitude)
        found.append((fit + 2 * np.log(np.diag(root)).sum(), length, noise, bias, amplitude))
    _, length, noise, bias, amplitude = min(found)
    inverse = np.linalg.inv(kernels[length] + bias + noise * np.eye(len(x)))
    return Process(x, y, length, noise, bias, amplitude, np.asarray(inverse, float))


def _kernel(a: Floats, b: Floats, length: float) -> Floats:
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    found: Floats = np.exp(-0.5 * np.maximum(squares, 0.0) / length**2)
    return found
