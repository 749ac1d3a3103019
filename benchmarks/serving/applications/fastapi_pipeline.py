"""FastAPI calling a scikit-learn pipeline, in the event loop: a hop to a thread would cost more than it gives."""

from fastapi import FastAPI
from pipeline import load_pipeline, positive
from pydantic import BaseModel

application = FastAPI()
model = load_pipeline()


class Question(BaseModel):
    texts: list[str]


class Answer(BaseModel):
    probabilities: list[float]


@application.post("/predict")
async def predict(question: Question) -> Answer:
    return Answer(probabilities=positive(model, question.texts))
