"""Features of a text as a person would say them."""

# What cleaners write into a text (ml_pipeline.learning.cleaning), as a reader would say it.
_NEGATED = "¬"
_MARKS = {
    "capstoken": "[capitals]",
    "hightoken": "[not ASCII]",
    "addrtoken": "[address]",
    "phonetoken": "[phone]",
}


def readable(term: str) -> str:
    """A word, a phrase or a quoted fragment without the marks of cleaners."""
    if "token" not in term and _NEGATED not in term:
        return term
    words = [_MARKS.get(word, word) for word in term.split(" ")]
    plain = " ".join(word.removeprefix(_NEGATED) for word in words)
    return f"{plain} (after a negation)" if words[0].startswith(_NEGATED) else plain
