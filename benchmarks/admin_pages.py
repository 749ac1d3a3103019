"""How long the admin's pages take in a large registry: `python -m benchmarks.admin_pages`, in the project's root.

200 models with 50 versions each and 100,000 predictions, in a temporary SQLite database or in a test database of
DATABASE_URL's server. Each page is asked for by an approver; the median of seven, beside the login page of the same
run. Fails above 300 ms or 15 queries a page.
"""

import argparse
import os
import statistics
import sys
import time
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
django.setup()

# ruff: noqa: E402 - these need the configured applications
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, setup_test_environment, teardown_test_environment

from tests.registry_ui.many import fill_registry
from tests.registry_ui.pages import large_pages

LIMIT_MS, LIMIT_QUERIES = 300, 15
TIMES = 7


def measured(client: Client, address: str) -> tuple[float, int, int]:
    """Median milliseconds, queries and bytes of a page."""
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(address)
    asked = len(queries)
    assert answer.status_code == 200, (address, answer.status_code)
    times = []
    for _ in range(TIMES):
        started = time.perf_counter()
        client.get(address)
        times.append((time.perf_counter() - started) * 1_000)
    return statistics.median(times), asked, len(answer.content)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--versions", type=int, default=50)
    parser.add_argument("--predictions", type=int, default=100_000)
    size: dict[str, Any] = vars(parser.parse_args())
    setup_test_environment()
    untested = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0)
    try:
        fill_registry(**size)
        approver = User.objects.create_user("approver", is_staff=True)
        approver.groups.set(Group.objects.all())
        client = Client()
        trivial = measured(client, "/admin/login/")[0]
        client.force_login(approver)
        print(f"{connection.vendor}, {size}; the login page takes {trivial:.1f} ms")
        print(f"{'page':<26} {'median ms':>9} {'× login':>8} {'queries':>8} {'KB':>6}")
        bad = False
        for name, address in large_pages().items():
            ms, queries, length = measured(client, address)
            over = ms > LIMIT_MS or queries > LIMIT_QUERIES
            bad = bad or over
            mark = "  over the limit" if over else ""
            print(f"{name:<26} {ms:>9.1f} {ms / trivial:>8.1f} {queries:>8} {length / 1024:>6.0f}{mark}")
    finally:
        connection.creation.destroy_test_db(untested, verbosity=0)
        teardown_test_environment()
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
