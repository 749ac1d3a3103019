"""Functions of one number that are a polynomial between breakpoints, several at once: one a score.

A linear model over one column's spline basis, bins or powers is such a function: the weights times the basis.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ml_pipeline.bundle.compiled.errors import NotCompilable

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Piece:
    """Polynomials in `x - origin`: coefficients (scores × powers), the constant first."""

    origin: float
    coefficients: Floats


class Piecewise:
    """`pieces[i]` from `starts[i - 1]` (included) to `starts[i]` (not included); the first and last are open."""

    def __init__(
        self, starts: Sequence[float], pieces: Sequence[Piece], period: tuple[float, float] | None = None
    ) -> None:
        self._starts = [float(start) for start in starts]
        self._origins = [float(piece.origin) for piece in pieces]
        self._pieces = [[_descending(line) for line in piece.coefficients] for piece in pieces]
        self._period = period

    @classmethod
    def polynomial(cls, coefficients: Floats) -> Self:
        """One polynomial everywhere: coefficients (scores × powers), the constant first."""
        return cls((), (Piece(0.0, coefficients),))

    def __call__(self, x: float) -> list[float]:
        if self._period is not None:
            low, span = self._period
            x = low + (x - low) % span
        place = bisect_right(self._starts, x)
        return [_horner(line, x - self._origins[place]) for line in self._pieces[place]]

    def shifted(self, constants: Floats) -> None:
        """Add a constant to each score, everywhere."""
        for piece in self._pieces:
            for line, constant in zip(piece, constants.tolist(), strict=True):
                line[-1] += constant


def stairs(starts: Sequence[float], values: Floats) -> Piecewise:
    """Constant between breakpoints: values (scores × pieces)."""
    return Piecewise(starts, [Piece(0.0, values[:, [place]]) for place in range(values.shape[1])])


class SplineBasis:
    """A B-spline basis, as SciPy evaluates it (de Boor), with its combinations given by `mixing` (bases × features)."""

    def __init__(self, knots: Floats, mixing: Floats, degree: int) -> None:
        self.knots = knots
        self.mixing = mixing
        self.degree = degree
        self.last = len(knots) - degree - 2  # index of the last interval
        self.low, self.high = float(knots[degree]), float(knots[-degree - 1])

    def weighted(self, weights: Floats, extrapolation: str) -> Piecewise:
        """Weights (scores × features) times the basis, beyond the outer knots as SplineTransformer has it."""
        inner = [place for place in range(self.degree, self.last + 1) if self.knots[place] < self.knots[place + 1]]
        if not inner:
            raise NotCompilable("a spline's column is constant")
        pieces = [self._piece(place, weights) for place in inner]
        at_end = Piece(self.high, self._at(self.last, self.high, weights))
        starts = [*(self.knots[place] for place in inner), self.high, math.nextafter(self.high, math.inf)]
        below, above = self._beyond(weights, extrapolation)
        period = (self.low, self.high - self.low) if extrapolation == "periodic" else None
        return Piecewise(starts, [below, *pieces, at_end, above], period)

    def _beyond(self, weights: Floats, extrapolation: str) -> tuple[Piece, Piece]:
        first = next(place for place in range(self.degree, self.last + 1) if self.knots[place + 1] > self.low)
        match extrapolation:
            case "continue" | "periodic":
                return self._piece(self.degree, weights), self._piece(self.last, weights)
            case "constant":
                low, high = _only(weights, self.degree, 0), _only(weights, 0, self.degree)
                return (
                    Piece(self.low, self._at(first, self.low, low)),
                    Piece(self.high, self._at(self.last, self.high, high)),
                )
            case "linear" if self.knots[self.last] < self.knots[self.last + 1]:
                count = self.degree + 1 if self.degree <= 1 else self.degree
                low, high = _only(weights, count, 0), _only(weights, 0, count)
                return self._tangent(first, self.low, low), self._tangent(self.last, self.high, high)
            case _:
                raise NotCompilable(f"splines with `extrapolation: {extrapolation}`")

    def _tangent(self, place: int, x: float, weights: Floats) -> Piece:
        values, slopes = self._at(place, x, weights), self._at(place, x, weights, derivative=1)
        return Piece(x, np.hstack([values, slopes]))

    def _at(self, place: int, x: float, weights: Floats, derivative: int = 0) -> Floats:
        """Values (scores × 1) at `x` of the polynomials of one interval."""
        piece = self._piece(place, weights)
        lines = [
            np.polynomial.Polynomial(line).deriv(derivative) if derivative else np.polynomial.Polynomial(line)
            for line in piece.coefficients
        ]
        return np.array([[line(x - piece.origin)] for line in lines])

    def _piece(self, place: int, weights: Floats) -> Piece:
        mixed = weights @ self.mixing.T[:, place - self.degree : place + 1]
        return Piece(float(self.knots[place]), mixed @ self._bases(place))

    def _bases(self, place: int) -> Floats:
        """The bases that are not zero in one interval, as polynomials in the distance from its start (bases × powers).

        Cox-de Boor, with SciPy's rule for knots that coincide: their terms are left out.
        """
        origin = self.knots[place]
        bases = np.zeros((self.degree + 1, self.degree + 1))
        bases[0, 0] = 1.0
        for order in range(1, self.degree + 1):
            lower = bases.copy()
            bases[0] = 0.0
            for index in range(1, order + 1):
                right = self.knots[place + index]
                left = self.knots[place + index - order]
                if right == left:
                    bases[index] = 0.0
                    continue
                share = lower[index - 1] / (right - left)
                bases[index - 1] += (right - origin) * share - _times_x(share)
                bases[index] = (origin - left) * share + _times_x(share)
        return bases


def _only(weights: Floats, first: int, last: int) -> Floats:
    """The weights of the first and the last so many features, the others 0."""
    kept = np.zeros_like(weights)
    kept[:, :first] = weights[:, :first]
    kept[:, weights.shape[1] - last :] = weights[:, weights.shape[1] - last :]
    return kept


def _times_x(polynomial: Floats) -> Floats:
    return np.concatenate([[0.0], polynomial[:-1]])


def _descending(coefficients: Any) -> list[float]:
    """Highest power first, without leading zeros."""
    line: list[float] = [float(value) for value in coefficients]
    while len(line) > 1 and line[-1] == 0.0:
        line.pop()
    return line[::-1]


def _horner(coefficients: list[float], x: float) -> float:
    total = 0.0
    for coefficient in coefficients:
        total = total * x + coefficient
    return total
