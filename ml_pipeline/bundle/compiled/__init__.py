"""Compiled scorers: a fitted linear model as dictionaries and arrays of weights, read from the bundle's own model file.

Nothing here imports scikit-learn, scipy or skops. What does not compile runs as the scikit-learn pipeline.
"""
