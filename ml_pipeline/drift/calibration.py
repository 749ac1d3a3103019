"""What chance makes of the statistics of two samples of these sizes: the bound that a real difference must pass.

The bootstrap (Efron & Tibshirani 1993) draws both samples from the reference, so that its own sampling noise counts as
well as the window's: at large windows it is all that is left. All statistics are judged together: each is studentised
by its draws, the bound is a quantile of the largest of them (the max-T of Westfall & Young 1993), and its tail is
smoothed by an exponential fitted to the draws beyond the 95th percentile (peaks over threshold, Pickands 1975).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import sparse

from ml_pipeline.drift.distances import Floats
from ml_pipeline.drift.measures import Measure

DRAWS = 2_000
SEED = 20_261_128
_BLOCK = 500  # draws held at once
_TAIL = 0.95


@dataclass(frozen=True)
class Counted:
    """Measures of the same rows, and the reference's counts (rows × cells) of each."""

    measures: Sequence[Measure]
    counts: Sequence[sparse.csr_matrix]

    @property
    def rows(self) -> int:
        return int(self.counts[0].shape[0])


def chance_bounds(parts: Sequence[tuple[Counted, int]], *, false_alarms: float, draws: int = DRAWS) -> list[Floats]:
    """For each part, which stands for a window of so many rows, the bound of each of its measures.

    At most `false_alarms` of all undrifted windows have any statistic beyond its bound. Parts are drawn apart from each
    other: what their statistics have in common would only lower the bound. A cell that no row of the reference is in,
    no draw is in: the bound is at least what so many rows without a case cannot exclude (the rule of three, for other
    odds).
    """
    generator = np.random.default_rng(SEED)
    drawn = [_drawn(counted, rows, draws, generator) for counted, rows in parts]
    centres = [(values.mean(axis=0), values.std(axis=0)) for values in drawn]
    largest = np.max([_largest(values, *centre) for values, centre in zip(drawn, centres, strict=True)], axis=0)
    beyond = tail_quantile(largest, false_alarms)
    return [
        np.maximum(
            mean + beyond * deviation, _of_unseen(counted, -np.log(false_alarms) * (1 / counted.rows + 1 / rows))
        )
        for (mean, deviation), (counted, rows) in zip(centres, parts, strict=True)
    ]


def tail_quantile(values: Floats, share: float) -> float:
    """The value that `share` of such draws pass."""
    start = float(np.quantile(values, _TAIL))
    if share >= 1 - _TAIL:
        return float(np.quantile(values, 1 - share))
    excess = values[values > start] - start
    return start + (float(excess.mean()) if len(excess) else 0.0) * float(np.log((1 - _TAIL) / share))


def _of_unseen(counted: Counted, share: float) -> Floats:
    """Each measure where this share of the reference was in a cell that none of it is in; 0 where every cell is met."""
    found = []
    for measure, counts in zip(counted.measures, counted.counts, strict=True):
        total = np.asarray(counts.sum(axis=0), dtype=np.float64).reshape(1, -1)
        unseen = np.flatnonzero(total[0] == 0)[:1]
        moved = (1 - share) * total
        moved[:, unseen] = share * total.sum()
        found.append(float(measure.distance(total, moved)[0]) if len(unseen) else 0.0)
    return np.array(found)


def _drawn(counted: Counted, rows: int, draws: int, generator: np.random.Generator) -> Floats:
    """The statistics (draws × measures) of pairs of samples that both come from the reference."""
    joined = sparse.hstack(counted.counts, format="csr").T.tocsr()
    borders = np.cumsum([0, *(counts.shape[1] for counts in counted.counts)])
    blocks = []
    for start in range(0, draws, _BLOCK):
        size = min(_BLOCK, draws - start)
        mine, theirs = (
            np.asarray(joined @ _weights(counted.rows, drawn, size, generator).T).T for drawn in (counted.rows, rows)
        )
        cells = [slice(low, high) for low, high in pairwise(borders)]
        values = [
            measure.distance(mine[:, part], theirs[:, part])
            for measure, part in zip(counted.measures, cells, strict=True)
        ]
        blocks.append(np.column_stack(values))
    return np.vstack(blocks)


def _weights(rows: int, drawn: int, draws: int, generator: np.random.Generator) -> Floats:
    """How often each of the rows is drawn (draws × rows), `drawn` with replacement in each draw."""
    if drawn <= 4 * rows:
        picked = generator.integers(rows, size=(draws, drawn)) + np.arange(draws)[:, None] * rows
        return np.bincount(picked.ravel(), minlength=draws * rows).reshape(draws, rows).astype(np.float64)
    return generator.multinomial(drawn, np.full(rows, 1 / rows), size=draws).astype(np.float64)


def _largest(values: Floats, mean: Floats, deviation: Floats) -> Floats:
    studentised = np.divide(values - mean, deviation, out=np.zeros_like(values), where=deviation > 0)
    result: Floats = studentised.max(axis=1)
    return result
