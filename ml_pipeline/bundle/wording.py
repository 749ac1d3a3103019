"""Features of a text as a person would say them."""

import re
import string
from collections.abc import Mapping

# What cleaners write into a text (ml_pipeline.learning.cleaning), as a reader would say it.
_NEGATED = "¬"
_MARKS = {
    "capstoken": "[capitals]",
    "hightoken": "[not ASCII]",
    "addrtoken": "[address]",
    "phonetoken": "[phone]",
}
_WORD = re.compile(r"\w+|[^\w\s]")


def readable(term: str) -> str:
    """A word, a phrase or a quoted fragment without the marks of cleaners."""
    if "token" not in term and _NEGATED not in term:
        return term
    words = [_MARKS.get(word, word) for word in term.split(" ")]
    plain = " ".join(word.removeprefix(_NEGATED) for word in words)
    return f"{plain} (after a negation)" if words[0].startswith(_NEGATED) else plain


def in_words(terms: Mapping[str, float], text: str) -> dict[str, float]:
    """Words and phrases as they are, and the value of each character n-gram shared by the words that it lies in.

    `text` is lowercased, as the n-grams are. A fragment that lies in no word, because it spans two, is quoted.
    """
    tokens = text.split()
    known = {*tokens, *_WORD.findall(text)}
    words: dict[str, float] = {}
    fragments: dict[str, float] = {}
    for term, value in terms.items():
        kept = words if term in known or (" " in term and known.issuperset(term.split(" "))) else fragments
        kept[term] = value
    homes = _homes(fragments, tokens) if fragments else {}
    for fragment, value in fragments.items():
        owners = homes.get(fragment) or [f"“{fragment}”"]
        share = value / len(owners)
        for word in owners:
            words[word] = words.get(word, 0.0) + share
    return words


def _homes(fragments: Mapping[str, float], tokens: list[str]) -> dict[str, list[str]]:
    """The words in which each fragment lies, each as often as it does."""
    sizes = {len(fragment) for fragment in fragments}
    homes: dict[str, list[str]] = {fragment: [] for fragment in fragments}
    for token in tokens:
        padded = f" {token} "  # as scikit-learn's `char_wb` pads a word
        word = token.strip(string.punctuation) or token
        for size in sizes:
            for start in range(max(1, len(padded) - size + 1)):
                if (piece := padded[start : start + size]) in homes:
                    homes[piece].append(word)
    return homes
