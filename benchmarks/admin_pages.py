"""How long the admin's pages take in a large registry: `python -m benchmarks.admin_pages`, in the project's root.

200 models with 50 versions each and 100,000 predictions, in a temporary SQLite database or in a test database of
DATABASE_URL's server. Each page is asked for by an approver, whose median of seven is shown beside the login page of
the same run; its queries are counted for a superuser and for a person with every permission on one model alone, too.
Fails above 300 ms or 15 queries a page.
"""

import argparse
import logging
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
from guardian.shortcuts import assign_perm

from predictions.models import Deployment
from registry_ui.selectors import MODEL_PERMISSIONS
from tests.registry_ui.many import fill_registry
from tests.registry_ui.pages import large_pages

LIMIT_MS, LIMIT_QUERIES = 300, 15
TIMES = 7


def asked(client: Client, address: str) -> int:
    """How many queries a page makes; 0 for who may not look at it."""
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(address)
    assert answer.status_code in (200, 403), (address, answer.status_code)
    return len(queries) if answer.status_code == 200 else 0


def clients() -> dict[str, Client]:
    """A client of each role, logged in."""
    approver = User.objects.create_user("approver", is_staff=True)
    approver.groups.set(Group.objects.all())
    superuser = User.objects.create_superuser("superuser")
    of_one_model = User.objects.create_user("of-one-model", is_staff=True)
    for permission in MODEL_PERMISSIONS:
        assign_perm(permission, of_one_model, Deployment.objects.get(model="model-000"))
    found = {}
    for role, user in {"approver": approver, "superuser": superuser, "one model": of_one_model}.items():
        found[role] = Client()
        found[role].force_login(user)
    return found


def measured(client: Client, address: str) -> tuple[float, int]:
    """Median milliseconds and bytes of a page."""
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.status_code)
    times = []
    for _ in range(TIMES):
        started = time.perf_counter()
        client.get(address)
        times.append((time.perf_counter() - started) * 1_000)
    return statistics.median(times), len(answer.content)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--versions", type=int, default=50)
    parser.add_argument("--predictions", type=int, default=100_000)
    size: dict[str, Any] = vars(parser.parse_args())
    logging.disable(logging.WARNING)  # pages that somebody may not look at
    setup_test_environment()
    untested = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0)
    try:
        fill_registry(**size)
        roles = clients()
        trivial = measured(Client(), "/admin/login/")[0]
        print(f"{connection.vendor}, {size}; the login page takes {trivial:.1f} ms")
        print(f"{'page':<26} {'median ms':>9} {'× login':>8} {'KB':>6}  queries: {', '.join(roles)}")
        bad = False
        for name, address in large_pages().items():
            ms, length = measured(roles["approver"], address)
            queries = [asked(client, address) for client in roles.values()]
            over = ms > LIMIT_MS or max(queries) > LIMIT_QUERIES
            bad = bad or over
            counts = "".join(f"{count or '–':>5}" for count in queries) + ("  over the limit" if over else "")
            print(f"{name:<26} {ms:>9.1f} {ms / trivial:>8.1f} {length / 1024:>6.0f} {counts}")
    finally:
        connection.creation.destroy_test_db(untested, verbosity=0)
        teardown_test_environment()
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
