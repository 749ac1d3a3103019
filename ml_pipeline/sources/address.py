"""What of a MongoDB address may be shown: everything but its user and password."""

import re
from urllib.parse import unquote


def shown_hosts(uri: str) -> str:
    """The hosts of an address, without user, password, database and options."""
    rest = uri.partition("://")[2].rpartition("@")[2]
    return re.split(r"[/?]", rest, maxsplit=1)[0] or "an unnamed host"


def without_secrets(text: str, uri: str) -> str:
    """`text`, or a sentence in its place if it could repeat a piece of the address's user or password.

    A password with unescaped separators is cut into odd pieces by any parser, so every piece counts, however short.
    """
    secret = uri.partition("://")[2].rpartition("@")[0]
    pieces = {piece for part in (secret, unquote(secret)) for piece in re.split(r"[:@/?#&=,]", part) if piece}
    if any(piece in text for piece in pieces):
        return "the reason is not shown, because it could repeat a part of the user or password"
    return text
