"""What is asked: real sentences of film reviews, in the order of the snapshot."""

import gzip
import json
from functools import cache
from itertools import islice

from ml_pipeline.environment import PROJECT_ROOT

SNAPSHOT = PROJECT_ROOT / "data" / "movie_reviews.jsonl.gz"
BATCH = 100


@cache
def review_texts(count: int = 2_000) -> tuple[str, ...]:
    """The first `count` texts of the snapshot. Their length is as in life: a dozen to three hundred characters."""
    with gzip.open(SNAPSHOT, "rt", encoding="utf-8") as lines:
        return tuple(json.loads(line)["text"] for line in islice(lines, count))


def batches(size: int, count: int) -> list[list[str]]:
    """`count` lists of `size` texts, going round when the texts are at an end."""
    texts = review_texts()
    return [[texts[(number * size + index) % len(texts)] for index in range(size)] for number in range(count)]
