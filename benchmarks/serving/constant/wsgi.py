"""As `codesoft.wsgi`, without a serving process: nothing here predicts."""

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.serving.constant.settings"
application = get_wsgi_application()
