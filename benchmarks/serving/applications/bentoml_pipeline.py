"""BentoML calling a scikit-learn pipeline."""

import bentoml
from pipeline import load_pipeline, positive


@bentoml.service(workers=2, logging={"access": {"enabled": False}})
class Sentiment:
    def __init__(self) -> None:
        self.model = load_pipeline()

    @bentoml.api
    def predict(self, texts: list[str]) -> list[float]:
        return positive(self.model, texts)
