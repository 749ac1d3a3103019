"""The composition root: settings, URLs, the Celery application, health, and the table from error to HTTP status."""
