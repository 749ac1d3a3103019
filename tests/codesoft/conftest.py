"""The composition root is tested over a serving process whose steps the test calls itself."""

from tests.predictions.conftest import live, process

__all__ = ["live", "process"]
