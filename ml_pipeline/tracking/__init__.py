"""The MLflow gateway: runs and versions published once, whatever the server can do."""
