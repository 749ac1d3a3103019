"""Named text cleaners: pure functions from text to text, applied in training and serving alike.

A name stands in the bundles that use it. A cleaner's behaviour therefore never changes: a better one gets a new name,
or the golden samples of older bundles would no longer agree and a rollback would fail. Each runs in linear time.
"""

import re
from collections.abc import Callable, Sequence

_RULE = re.compile(r"^[ \t>|]*[-_=~*+#]{6,}.*$", re.MULTILINE)
_LIST_TAG = re.compile(r"\[(?!address\]|phone\])[\w .-]{2,30}\]")
_SHOUT = re.compile(r"\b[A-Z]{3,}\b")
_NON_ASCII = re.compile(r"[^\x00-\x7f]{2,}")
_TAG = re.compile(r"<[^<>]{1,500}>")
_TOKEN = re.compile(r"[\w']+|[^\w\s]")

# Fragments of lines that a mailing list or its sponsor adds to every message. They tell which list carried a message,
# not whether it is spam, and they change with the month: a model that leans on them does well on a random split and
# badly on next month's mail. Not a bare "unsubscribe": in spam the spammer wrote that line, and it is evidence.
_FURNITURE = (
    "mailing list",
    "mailman",
    "listinfo",
    "list maintainer",
    "linux users' group",
    "yahoo! groups",
    "yahoogroups",
    "docs.yahoo.com",
    "to unsubscribe from this group",
    "sponsored by",
    "thinkgeek",
    "geek heaven",
    "www.jabber.com/osdn",
    "real-time communications platform!",
    "inphonic.com",
    "cell phone? get a new",
    "deathtospam",
    "date: not supplied",
)
_NEGATED = "¬"  # one character that no review uses, so that character n-grams see it without noise
_NEGATIONS = frozenset(
    "not no never neither nor none nothing nobody nowhere hardly barely scarcely without "
    "lack lacks lacking isnt cannot cant wont".split()
)
_CLAUSE_END = frozenset(".,;:!?()")
_NEGATION_SPAN = 3


def lowercase(text: str) -> str:
    return text.lower()


def strip_html(text: str) -> str:
    """Tags become spaces, so that words on both sides stay apart."""
    return _TAG.sub(" ", text)


def drop_list_furniture(text: str) -> str:
    """Drop rules ("_____") and the lines that mailing lists and their sponsors append."""
    text = _RULE.sub("", text)
    lowered = text.lower()
    present = [mark for mark in _FURNITURE if mark in lowered]
    if not present:
        return text
    return "\n".join(line for line in text.split("\n") if not any(mark in line.lower() for mark in present))


def drop_list_tags(text: str) -> str:
    """Drop "[ILUG]"-like tags, which name the list. The placeholders [address] and [phone] stay."""
    return _LIST_TAG.sub(" ", text)


def mark_shouting(text: str) -> str:
    """Follow each word of three or more capitals by a token: lowercasing loses the case, and spam shouts."""
    return _SHOUT.sub(r"\g<0> capstoken", text)


def mark_non_ascii(text: str) -> str:
    """Precede each run of non-ASCII characters by a token: its words are unknown, yet the run itself is evidence."""
    return _NON_ASCII.sub(r" hightoken \g<0>", text)


def name_placeholders(text: str) -> str:
    """Turn the data's [address] and [phone] into plain tokens, so that brackets do not split them off."""
    return text.replace("[address]", " addrtoken ").replace("[phone]", " phonetoken ")


def mark_negation(text: str) -> str:
    """Lowercase, and write up to three words after a negation, within its clause, as "¬word".

    A bag of words cannot otherwise tell "not funny" from "funny".
    """
    text = text.lower()
    tokens = _TOKEN.findall(text)
    if "n't" not in text and _NEGATIONS.isdisjoint(tokens):
        return " ".join(tokens)  # most texts: nothing to mark
    marked: list[str] = []
    left = 0
    for token in tokens:
        if token in _NEGATIONS or token.endswith("n't"):
            left = _NEGATION_SPAN
        elif token[0].isalnum() and left:
            left -= 1
            marked.append(_NEGATED + token)
            continue
        elif token in _CLAUSE_END:
            left = 0
        marked.append(token)
    return " ".join(marked)


CLEANERS: dict[str, Callable[[str], str]] = {
    cleaner.__name__: cleaner
    for cleaner in (
        lowercase,
        strip_html,
        drop_list_furniture,
        drop_list_tags,
        mark_shouting,
        mark_non_ascii,
        name_placeholders,
        mark_negation,
    )
}


def clean(text: str, names: Sequence[str]) -> str:
    """`text` after the named cleaners, in order."""
    for name in names:
        text = CLEANERS[name](text)
    return text
