"""What an API token may be allowed: a scope, on every model or on some. Its owner's own permissions decide as well."""

PREDICT = "predict"
FEEDBACK = "feedback"
READ = "read"
MANAGE = "manage"

SCOPES = (PREDICT, FEEDBACK, READ, MANAGE)
EVERY_SCOPE = frozenset(SCOPES)
