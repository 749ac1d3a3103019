"""Named text cleaners: pure functions applied in training and serving alike.

A name stands in the bundles that use it. A cleaner's behaviour therefore never changes: a better one gets a new name,
or the golden samples of older bundles would no longer agree and a rollback would fail.
"""

import re
from collections.abc import Callable, Sequence

_TAG = re.compile(r"<[^<>]{1,500}>")


def lowercase(text: str) -> str:
    return text.lower()


def strip_html(text: str) -> str:
    """Tags become spaces, so that words on both sides stay apart."""
    return _TAG.sub(" ", text)


CLEANERS: dict[str, Callable[[str], str]] = {
    "lowercase": lowercase,
    "strip_html": strip_html,
}


def clean(text: str, names: Sequence[str]) -> str:
    """`text` after the named cleaners, in order."""
    for name in names:
        text = CLEANERS[name](text)
    return text
