"""Flask calling `mlflow.pyfunc`, as most projects of this kind do."""

import os

import mlflow.pyfunc
import numpy as np
from flask import Flask, Response, jsonify, request

application = Flask(__name__)
model = mlflow.pyfunc.load_model(os.environ["MLFLOW_MODEL"])


@application.post("/predict")
def predict() -> Response:
    texts = np.array(request.get_json()["texts"], dtype=object)
    return jsonify(probabilities=[float(line[1]) for line in model.predict(texts)])
