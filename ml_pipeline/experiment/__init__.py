"""Search for a better recipe on training rows: `python -m ml_pipeline.experiment MODEL`. Nothing here goes live."""
