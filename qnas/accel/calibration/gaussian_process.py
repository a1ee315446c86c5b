"""Gaussian processes that learn the log residuals of a few measurements, one a resource.

A process knows how far a point lies from those that were measured, which is what the choice of the
next measurement needs. Its 90 % interval is made conformal by the errors on points left out.
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
# Times the error of estimates: beyond it what is learned is not used. Of few points that lie far
# from each other each is predicted badly by the rest, although what lies between them is
# predicted well.
WORSE = 1.25


@dataclass(frozen=True, slots=True)
class Processes:
    """Made by `fit_processes`. (resources) each: `learned`, whether the process is not much worse
    than the estimate on points left out, which else is the prediction; `stretch`, half an interval
    over the process' spread."""

    each: tuple[GaussianProcessRegressor, ...]
    learned: NDArray[np.bool_]
    stretch: Floats

    def predict(self, x: Floats) -> tuple[Floats, Floats]:
        """(points, resources) each: what is added to the logarithm of an estimate, and the process'
        spread; half an interval is spread times `stretch`."""
        found = [process.predict(x, return_std=True) for process in self.each]
        shift, spread = (np.stack([f[i] for f in found], axis=1) for i in (0, 1))
        return shift * self.learned, spread

    def gains(self, known: Floats, left: Floats, goals: Floats, weights: Floats) -> Floats:
        """(left): by how much the weighted variance of `goals`, over all resources, falls with one
        measurement at each of `left`. Rows of features; `known` were measured, or shall be."""
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
    """`x` (points, features), `residuals` (points, resources), logarithms."""
    each = tuple(_process(x, y) for y in residuals.T)
    found = [_left_out(p, y) for p, y in zip(each, residuals.T, strict=True)]
    learned, stretch = zip(*found, strict=True)
    return Processes(each, np.array(learned), np.array(stretch))


def _process(x: Floats, y: Floats) -> GaussianProcessRegressor:
    """Length and size of what is learned, and of noise, by the likelihood of what was measured."""
    kernel = ConstantKernel(1e-2, (1e-5, 1.0)) * RBF(2.0, (0.5, 20.0)) + WhiteKernel(
        1e-3, (1e-5, 1e-1)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a bound of the search is an answer
        return GaussianProcessRegressor(kernel, random_state=0).fit(x, y)


def _left_out(process: GaussianProcessRegressor, y: Floats) -> tuple[bool, float]:
    """Every point left out (Rasmussen and Williams, 5.12: error and spread follow from the inverse
    covariance): whether the process is not much farther than 0, and the conformal quantile of error
    over spread."""
    inverse: NDArray[np.float64] = np.linalg.inv(process.kernel_(process.X_train_))
    spread, error = 1 / np.sqrt(np.diag(inverse)), inverse @ y / np.diag(inverse)
    learned = bool(np.mean(abs(error)) <= WORSE * np.mean(abs(y)))
    rank = min(1.0, math.ceil((len(y) + 1) * LEVEL) / len(y))
    scores = abs(error if learned else y) / spread
    return learned, float(np.quantile(scores, rank, method="higher"))
