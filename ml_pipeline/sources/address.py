"""What of a MongoDB address may be shown: its hosts, and never its password."""

import re
from urllib.parse import unquote


def shown_hosts(uri: str) -> str:
    """The hosts of an address, without user, password, database and options."""
    rest = uri.partition("://")[2].rpartition("@")[2]
    return re.split(r"[/?]", rest, maxsplit=1)[0] or "an unnamed host"


def without_secrets(text: str, uri: str) -> str:
    """`text`, or a sentence in its place if it could repeat a piece of the address's password.

    A password with unescaped separators is cut into odd pieces by any parser, so every piece counts: a long one
    anywhere in the text, one of two characters or less where it stands alone.
    """
    secret = uri.partition("://")[2].rpartition("@")[0].partition(":")[2]
    pieces = {piece for part in (secret, unquote(secret)) for piece in re.split(r"[:@/?#&=,]", part) if piece}
    if any(_occurs(piece, text) for piece in pieces):
        return "the reason is not shown, because it could repeat a part of the password"
    return text


def _occurs(piece: str, text: str) -> bool:
    if len(piece) > 2:
        return piece in text
    return re.search(rf"(?<!\w){re.escape(piece)}(?!\w)", text) is not None
