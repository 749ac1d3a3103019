"""The pipeline from documents to a registered version: plain Python, no web framework, no task queue."""
