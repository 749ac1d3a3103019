"""As `codesoft.wsgi`, its upkeep included, without a serving process: nothing here predicts."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.serving.constant.settings"
application = get_wsgi_application()

from codesoft import idle_connections  # noqa: E402 - needs the configured applications

idle_connections.install()
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 20)
