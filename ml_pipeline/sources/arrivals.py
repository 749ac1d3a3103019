"""How many documents came since a model was trained, without reading them."""

from ml_pipeline.environment import Environment
from ml_pipeline.params import load_spec
from ml_pipeline.sources.opening import open_source


def documents_arrived(model: str, *, known: int, watermark: str) -> int:
    """How many came since a reading of `known` documents whose last one had the id `watermark`.

    Every document behind the watermark came since, and at least as many as there are more now: the larger of the two
    is the answer, whichever way ids are made, and although documents may go too. UnknownModel, InvalidSource and
    SourceUnavailable say why there is none.
    """
    with open_source(load_spec(model), Environment.read(), lambda _: None) as source:
        total, behind = source.count(behind=watermark)
    return max(total - known, behind, 0)
