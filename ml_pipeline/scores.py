"""`scores.parquet`: what candidate and champion answered on the same held-out rows, a row each.

Columns: `_id`; `label`, `candidate_decision`, `champion_decision` (class indices); `candidate_probabilities`,
`champion_probabilities` (lists in the order of classes). The champion's are null where there is none, where it is not
comparable, and in rows that it abstains from because its input spec refuses them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ml_pipeline.canonical import replacing
from ml_pipeline.learning.metrics import Scored


@dataclass(frozen=True)
class HeldOutScores:
    """The candidate's answers to every held-out row, and the champion's to the rows where `compared` is true."""

    ids: list[str]
    candidate: Scored
    compared: NDArray[np.bool_]
    champion: Scored | None

    @property
    def candidate_where_compared(self) -> Scored:
        """The candidate on the champion's rows: what a paired comparison takes."""
        return self.candidate.take(self.compared)


def write_scores(path: Path, scores: HeldOutScores) -> None:
    """Write the file in one step."""
    table = pa.table(
        {
            "_id": pa.array(scores.ids, pa.string()),
            "label": pa.array(scores.candidate.labels, pa.int64()),
            **_columns("candidate", scores.candidate, np.ones(len(scores.ids), dtype=bool)),
            **_columns("champion", scores.champion, scores.compared),
        }
    )
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_scores(path: Path | BinaryIO) -> HeldOutScores:
    """What `write_scores` wrote."""
    table = pq.read_table(path)
    labels = table.column("label").to_numpy()
    everywhere = np.ones(len(labels), dtype=bool)
    compared = table.column("champion_decision").is_valid().to_numpy()
    return HeldOutScores(
        ids=table.column("_id").to_pylist(),
        candidate=_scored(table, "candidate", labels, everywhere),
        compared=compared,
        champion=_scored(table, "champion", labels, compared) if compared.any() else None,
    )


def _columns(who: str, scored: Scored | None, answered: NDArray[np.bool_]) -> dict[str, Any]:
    decisions: list[int | None] = [None] * len(answered)
    probabilities: list[list[float] | None] = [None] * len(answered)
    if scored is not None:
        for row, decision, line in zip(np.flatnonzero(answered), scored.decisions, scored.probabilities, strict=True):
            decisions[row], probabilities[row] = int(decision), line.tolist()
    return {
        f"{who}_decision": pa.array(decisions, pa.int64()),
        f"{who}_probabilities": pa.array(probabilities, pa.list_(pa.float64())),
    }


def _scored(table: Any, who: str, labels: NDArray[np.int64], rows: NDArray[np.bool_]) -> Scored:
    decisions = table.column(f"{who}_decision").drop_null().to_numpy()
    probabilities = table.column(f"{who}_probabilities").drop_null().to_pylist()
    return Scored(labels[rows], decisions.astype(np.int64), np.array(probabilities, dtype=np.float64))
