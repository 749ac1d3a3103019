"""One thread for numerical libraries: sums are then added in one order, and equal rows give equal bytes."""

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]


@contextmanager
def single_threaded() -> Iterator[None]:
    """Limit OpenMP and BLAS to one thread, whatever the environment says, as `OMP_NUM_THREADS=1` does."""
    with threadpool_limits(limits=1):
        yield
