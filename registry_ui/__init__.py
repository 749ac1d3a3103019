"""Decides what is live: candidates, approvals, roll backs, pipeline runs, the mirror of MLflow, and the audit log."""
