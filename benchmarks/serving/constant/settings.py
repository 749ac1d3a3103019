"""The product's settings, and an URL more."""

from codesoft.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.serving.constant.urls"
