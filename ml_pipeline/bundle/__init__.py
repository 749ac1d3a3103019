"""The bundle: model, preprocessing, threshold, labels and input spec as one hashed unit that is approved as one."""

from ml_pipeline.bundle.model_bundle import Answer, ModelBundle
from ml_pipeline.bundle.writing import assemble_bundle, record_metrics, write_bundle

__all__ = ["Answer", "ModelBundle", "assemble_bundle", "record_metrics", "write_bundle"]
