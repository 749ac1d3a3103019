"""How many requests a minute a token and a model may have: counted here, exchanged aside, asked of nobody in a request.

`docs/adr/0010` says what is promised and why.
"""

from collections.abc import Mapping

from django.conf import settings

from predictions.authentication import Caller
from predictions.serving import serving_process


def spend(caller: Caller, model: str) -> Mapping[str, str]:
    """Count one request, whatever its number of rows, and give the headers of its answer; RateLimited refuses it.

    A refused request counts for nothing. A model that this process does not know has no limit of its own: a caller
    cannot invent counters.
    """
    process = serving_process()
    token_limit = settings.RATE_LIMIT_PER_TOKEN if caller.rate_limit is None else caller.rate_limit
    model_limit = 0
    if process.live_models.knows(model):
        model_limit = process.live_models.current.snapshot.limits.get(model, settings.RATE_LIMIT_PER_MODEL)
    return process.throttle.spend(caller.token, token_limit, model, model_limit)
