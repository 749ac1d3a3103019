"""`python -m benchmarks.rollout_power`: how often the guard stops a version by chance, and how soon for a reason.

The test is the product's own for failures, looked at after every hundred calls of single rows, of which the canary has
its share. Markdown.
"""

import math

import numpy as np

from ml_pipeline.learning.sequential import ODDS_RATIOS, expected_mean, log_evidence, look_beside
from ml_pipeline.spec.rollout import Rollout
from registry_ui.trial_signals import ERRORS, SIGNALS, first_evidence

_PATHS, _LOOKS, _ROWS = 1_000, 10_000, 100
_THRESHOLD = math.log(len(SIGNALS) / Rollout().alpha)
_VALUES = (0.0, 1.0)
_NO_DIFFERENCE = [(0.001, 0.05), (0.01, 0.05), (0.2, 0.05), (0.2, 0.5)]
_DIFFERENCES = [(0.0, 1.0), (0.0, 0.5), (0.0, 0.05), (0.001, 0.01), (0.01, 0.02), (0.2, 0.8), (0.2, 0.25), (0.2, 0.22)]


def stopped_at(champion: float, canary: float, *, share: float, paths: int) -> np.ndarray:
    """The canary's requests until the guard acts, of each path; 0 where it never does."""
    chance = np.random.default_rng(20261128)
    rows = round(_ROWS * share)
    state, seen = np.tile(first_evidence(ERRORS, against_record=False), (paths, 1)), np.zeros((paths, 2))
    same_size = state[:, : len(ODDS_RATIOS)]  # nothing is gained where no call is larger than another
    stopped = np.zeros(paths)
    for look in range(1, _LOOKS + 1):
        ours = _counted(chance.binomial(rows, canary, size=paths), rows)
        theirs = _counted(chance.binomial(_ROWS - rows, champion, size=paths), _ROWS - rows)
        same_size += look_beside(_VALUES, ours, theirs, expected=expected_mean(_VALUES, seen, before=0.01))
        seen += theirs
        stopped[(stopped == 0) & (log_evidence(state) >= _THRESHOLD)] = look * rows
        if stopped.all():
            break
    return stopped


def _counted(hits: np.ndarray, rows: int) -> np.ndarray:
    return np.stack([rows - hits, hits], axis=-1)


def main() -> None:
    lines = [
        f"alpha {Rollout().alpha:g} by {len(SIGNALS)} signals, {_LOOKS:,} looks of {_ROWS} requests, {_PATHS:,} paths",
        "",
        "| both versions | share of the canary | stopped by chance |",
        "|---|---|---|",
    ]
    for rate, share in _NO_DIFFERENCE:
        stopped = stopped_at(rate, rate, share=share, paths=_PATHS)
        lines.append(f"| {rate:.1%} | {share:.0%} | {(stopped > 0).mean():.1%} |")
    lines += [
        "",
        "| champion | canary at 5 % | found | requests of the canary, median | nine of ten within |",
        "|---|---|---|---|---|",
    ]
    for champion, canary in _DIFFERENCES:
        stopped = stopped_at(champion, canary, share=0.05, paths=200)
        found = stopped[stopped > 0]
        median, most = np.median(found), np.percentile(found, 90)
        lines.append(f"| {champion:.1%} | {canary:.1%} | {len(found) / 200:.0%} | {median:,.0f} | {most:,.0f} |")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
