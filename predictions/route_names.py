"""How a prediction came to its version, as the log, the metrics and the API name it."""

CHAMPION = "champion"
CANARY = "canary"
FALLBACK = "fallback"  # the canary failed, so the champion answered: see docs/adr/0024
NAMED = "named"  # the caller asked for this version, which says nothing about traffic
SHADOW = "shadow"  # nobody asked: a worker did, see registry_ui.services.shadowing
TRAFFIC = (CHAMPION, CANARY, FALLBACK)  # what callers asked and the routing chose: all that statistics count
