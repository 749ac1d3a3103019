from tests.ml_pipeline.mongodb import mongodb

__all__ = ["mongodb"]
