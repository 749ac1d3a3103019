"""The web process: Django, then the serving thread. Imported after the fork, so each worker loads its own models."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "codesoft.settings")
application = get_wsgi_application()

from codesoft import idle_connections  # noqa: E402 - needs the configured applications
from predictions.serving import start_serving  # noqa: E402

idle_connections.install()
start_serving()
