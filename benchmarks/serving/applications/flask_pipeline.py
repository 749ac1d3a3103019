"""Flask calling a scikit-learn pipeline."""

from flask import Flask, Response, jsonify, request
from pipeline import load_pipeline, positive

application = Flask(__name__)
model = load_pipeline()


@application.post("/predict")
def predict() -> Response:
    return jsonify(probabilities=positive(model, request.get_json()["texts"]))
