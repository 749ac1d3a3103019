"""The bundle: model, preprocessing, threshold, labels and input spec as one hashed unit that is approved as one.

`files` and `model_bundle` are apart because loading a bundle needs scikit-learn, which costs seconds, and storing one
does not.
"""
