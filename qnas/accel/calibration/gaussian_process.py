"""Gaussian processes that learn the log residuals of a few measurements, one for each resource.

A process gives a spread that grows with the distance from measured points, which the choice of the
next measurement needs. Its 90 % interval is made conformal by the errors on left-out points.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

from qnas.accel.calibration.pairs import Floats

LEVEL = 0.9
# Largest ratio of a process's error to the estimate's error with which the process is used. It
# is above 1, since few and distant points predict each other badly although points between
# them are predicted well.
WORSE = 1.25


@dataclass(frozen=True, slots=True)
class Processes:
    """Gaussian processes of all resources; made by `fit_processes`.

    Attributes:
        each: One process for each resource.
        learned: (resources) whether the process is used: its error on left-out points is at most
            WORSE times the estimate's. Otherwise the estimate is the prediction.
        stretch: (resources) ratio of half an interval to the spread.
    """

    each: tuple[GaussianProcessRegressor, ...]
    learned: NDArray[np.bool_]
    stretch: Floats

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """Predict corrections at points of `x`, (points, features).

        Returns: (points, resources) each: the term added to the logarithm of an estimate, and the
            spread. Half an interval is `stretch` times the spread.
        """
        found = [process.predict(x, return_std=True) for process in self.each]
        shift, spread = (np.stack([f[i] for f in found], axis=1) for i in (0, 1))
        return shift * self.learned, spread

    def gains(self, known: Floats, left: Floats, goals: Floats, weights: Floats) -> Floats:
        """Compute how much one more measurement reduces the variance of `goals`.

        Args:
            known: (measured, features) points that were or will be measured.
            left: (candidates, features) points that may be measured next.
            goals: (goals, features) points whose variance counts.
            weights: (goals) weight of each goal.

        Returns:
            (candidates) reduction of the weighted variance, summed over the resources.
        """
        total = np.zeros(len(left))
        for process in self.each:
            kernel = process.kernel_.k1  # without the noise of a single measurement
            noise = process.kernel_.k2.noise_level
            inverse = np.linalg.inv(kernel(known) + noise * np.eye(len(known)))
            to_left, to_goals = kernel(left, known) @ inverse, kernel(goals, known)
            # Covariance of goals and candidates, given what is known.
            both = kernel(left, goals) - to_left @ to_goals.T
            own = np.diag(kernel(left)) - np.einsum("ij,ij->i", to_left, kernel(left, known))
            total += (both**2 / (own + noise)[:, None]) @ weights
        return total


def fit_processes(x: Floats, residuals: Floats) -> Processes:
    """Fit one process for each resource.

    Args:
        x: (points, features).
        residuals: (points, resources) logarithms.
    """
    each = tuple(_process(x, y) for y in residuals.T)
    found = [_left_out(p, y) for p, y in zip(each, residuals.T, strict=True)]
    learned, stretch = zip(*found, strict=True)
    return Processes(each, np.array(learned), np.array(stretch))


def _process(x: Floats, y: Floats) -> GaussianProcessRegressor:
    """Fit a process: length scale, amplitude and noise by maximum likelihood."""
    kernel = ConstantKernel(1e-2, (1e-5, 1.0)) * RBF(2.0, (0.5, 20.0)) + WhiteKernel(
        1e-3, (1e-5, 1e-1)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a bound of the search is an answer
        return GaussianProcessRegressor(kernel, random_state=0).fit(x, y)


def _left_out(process: GaussianProcessRegressor, y: Floats) -> tuple[bool, float]:
    """Leave out every point once.

    Error and spread of a left-out point follow from the inverse covariance (Rasmussen and Williams,
    5.12).

    Returns:
        Whether the errors are at most WORSE times the residuals, and the conformal quantile of
        error over spread.
    """
    inverse: NDArray[np.float64] = np.linalg.inv(process.kernel_(process.X_train_))
    spread, error = 1 / np.sqrt(np.diag(inverse)), inverse @ y / np.diag(inverse)
    learned = bool(np.mean(abs(error)) <= WORSE * np.mean(abs(y)))
    rank = min(1.0, math.ceil((len(y) + 1) * LEVEL) / len(y))
    scores = abs(error if learned else y) / spread
    return learned, float(np.quantile(scores, rank, method="higher"))
