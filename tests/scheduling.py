"""Which of the test processes runs what: a module in one of them, the slow ones first.

pytest-xdist's own `loadgroup` names groups in a private attribute that newer pytests do not have: every test stood
alone, and each process started servers and trained the product of its own.
"""

from xdist.scheduler import LoadScopeScheduling

# One product, trained from nothing, for all of its modules; it is the longest of all.
_TOGETHER = "tests/end_to_end/"
# At the end the other process would have nothing left to do beside them.
_FIRST = (
    _TOGETHER,
    "tests/drills/",
    "tests/ml_pipeline/running/",
    "tests/registry_ui/test_mirroring.py",
    "tests/registry_ui/test_run_browser.py",
    "tests/registry_ui/test_broker.py",
)


class ModuleScheduling(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        return _TOGETHER if nodeid.startswith(_TOGETHER) else nodeid.split("::", 1)[0]


def slowest_first(nodeid: str) -> int:
    """A key to sort by that leaves the order of all others as it is."""
    return next((place for place, path in enumerate(_FIRST) if nodeid.startswith(path)), len(_FIRST))
