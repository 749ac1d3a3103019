"""Every admin URL × role × method: no GET changes anything, and nobody does more than the tables here say."""

from collections.abc import Iterator
from contextlib import nullcontext
from copy import copy
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.db import connection, transaction
from django.db.models import Model
from django.template.response import SimpleTemplateResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from knox.models import AuthToken
from pytest_django import Settings

from predictions.models import Deployment, Generation, Observation, Prediction
from registry_ui.models import (
    AuditEntry,
    BackgroundTask,
    Decision,
    DriftReport,
    FeedbackUpload,
    ForeignChange,
    MirrorState,
    ModelVersion,
    Notification,
    OutboxEntry,
    Trigger,
)
from registry_ui.services.access import APPROVERS, REQUESTERS, Actor
from registry_ui.services.canaries import version_set_canary
from registry_ui.services.decisions import version_approve, version_request_changes
from registry_ui.services.drift_files import drift_page_keep
from registry_ui.services.runs import run_request
from registry_ui.services.schedules import schedule_set
from registry_ui.services.shadows import version_set_shadow
from registry_ui.services.trials import CanaryPlan, canary_pause
from tests.registry_ui.conftest import Import, member

pytestmark = pytest.mark.django_db
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
ROLES = ("anonymous", "staff", "viewer", "requester", "approver", "superuser")
LOOKING = {"viewer", "requester", "approver", "superuser"}
STAFF = LOOKING | {"staff"}
REQUESTING, DECIDING, ADMINISTERING = {"requester", "superuser"}, {"approver", "superuser"}, {"superuser"}

# Who may look at a model's stock pages (list, page of a row, history), and who may change rows there.
LOOK_AT = {"predictions": LOOKING, "registry_ui": LOOKING, "knox": ADMINISTERING}  # any other: ADMINISTERING
STOCK = ("changelist", "change", "history", "add", "delete")
# Further pages to look at, and who may.
PAGES = {
    "index": STAFF,
    "app_list": STAFF,  # everybody may upload labels of their own predictions
    "search": STAFF,
    "jsi18n": STAFF,
    "login": {"anonymous"},
    "password_change": STAFF,
    "password_change_done": STAFF,
    "autocomplete": set(),
    "view_on_site": set(),
    "auth_user_password_change": ADMINISTERING,
    "registry_ui_auditentry_export": LOOKING,
    "registry_ui_modelversion_card": LOOKING,
    "registry_ui_modelversion_evidence": LOOKING,
    "registry_ui_modelversion_evidence_file": LOOKING,
    "registry_ui_feedbackupload_changelist": STAFF,
    "registry_ui_feedbackupload_new": STAFF,
    "registry_ui_feedbackupload_to_label": LOOKING,
    "registry_ui_feedbackupload_result": LOOKING,
    "predictions_deployment_compare": LOOKING,
    "predictions_deployment_performance": LOOKING,
    "registry_ui_driftreport_evidently": LOOKING,
    "predictions_prediction_export": LOOKING,
    "predictions_generation_served": LOOKING,
}
# What a POST does, and who may do it.
ACTIONS = {
    "logout": set(),  # changes a session, none of the tables
    "predictions_prediction_verify": set(),  # asks a bundle again, and writes nothing
    "registry_ui_modelversion_approve": DECIDING,
    "registry_ui_modelversion_reject": DECIDING,
    "registry_ui_modelversion_roll_back": DECIDING,
    "registry_ui_modelversion_request_changes": DECIDING,
    "registry_ui_modelversion_ask_again": REQUESTING,
    "registry_ui_modelversion_set_canary": DECIDING,
    "registry_ui_modelversion_promote_canary": DECIDING,
    "registry_ui_modelversion_end_canary": DECIDING,
    "registry_ui_modelversion_set_shadow": DECIDING,
    "registry_ui_modelversion_end_shadow": DECIDING,
    "registry_ui_modelversion_replay": REQUESTING | DECIDING,
    "registry_ui_modelversion_threshold": REQUESTING,
    "registry_ui_foreignchange_adopt": DECIDING,
    "registry_ui_foreignchange_revert": DECIDING,
    "registry_ui_foreignchange_sync": REQUESTING | DECIDING,
    "predictions_deployment_roll_back": DECIDING,
    "predictions_deployment_retire": DECIDING,
    "predictions_deployment_end_canary": DECIDING,
    "predictions_deployment_sync": REQUESTING | DECIDING,
    "predictions_deployment_proposals": LOOKING,
    "predictions_deployment_retune": REQUESTING,
    "predictions_deployment_recalibrate": REQUESTING,
    "registry_ui_feedbackupload_confirm": {"requester"},  # whose upload it is
    "registry_ui_feedbackupload_revert": {"requester"},
    "predictions_deployment_permissions": ADMINISTERING,
    "predictions_deployment_four_eyes": ADMINISTERING,
    "predictions_deployment_limit": ADMINISTERING,
    "knox_authtoken_limit": ADMINISTERING,
    "knox_authtoken_revoke": ADMINISTERING,
    "predictions_deployment_retrain": REQUESTING,
    "predictions_deployment_preview": REQUESTING,
    "predictions_deployment_schedule": ADMINISTERING,
    "predictions_deployment_unschedule": ADMINISTERING,
    "predictions_deployment_drift": REQUESTING,
    "predictions_deployment_plan_canary": DECIDING,
    "predictions_deployment_pause_canary": DECIDING,
    "predictions_deployment_resume_canary": DECIDING,
    "registry_ui_driftreport_again": REQUESTING,
    "registry_ui_pipelinerun_cancel": REQUESTING,
    "registry_ui_notification_test": ADMINISTERING,
}
# What any of the actions may ask for; a form takes what it knows.
FILLED = {
    "reason": "because",
    "expected_generation": 2,
    "confirm": "on",
    "number": 1,
    "percent": 10,
    "threshold": 0.3,
    "requests_per_minute": 60,
    "four_eyes": "off",
    "user": "rui",
    "permissions": "approve_deployment",
}
OTHERWISE_FILLED = {
    "predictions_deployment_end_canary": {"number": 2},
    "predictions_deployment_plan_canary": {"number": 2, "steps": "20, 50", "step_minutes": 5, "minimum_requests": 9},
    "predictions_deployment_pause_canary": {"number": 2},
    "predictions_deployment_resume_canary": {"number": 2},
    "predictions_deployment_schedule": {"days": "* * *", "time": "02:00"},
    "predictions_deployment_retune": {"number": 3, "labels": 200},
    "predictions_deployment_recalibrate": {"number": 3, "labels": 200, "slope": 0.8, "intercept": -0.2},
}
FORM = "application/x-www-form-urlencoded"


def admin_urls() -> dict[str, URLPattern]:
    """Name → URL. Nameless are Django's redirects from a row to its page, and the catch-all that answers 404."""
    site = next(one for one in get_resolver().url_patterns if getattr(one, "namespace", "") == "admin")
    return {str(url.name): url for url in _leaves(site) if url.name}


def _leaves(url: URLResolver | URLPattern) -> Iterator[URLPattern]:
    if isinstance(url, URLPattern):
        yield url
    else:
        for inner in url.url_patterns:
            yield from _leaves(inner)


def stock_pages() -> dict[str, type[Model]]:
    return {
        f"{table._meta.app_label}_{table._meta.model_name}_{page}": table
        for table in admin.site._registry
        for page in STOCK
    }


def may_look(name: str) -> set[str]:
    if name in PAGES:
        return PAGES[name]
    table = stock_pages().get(name)
    if table is None:
        return set()
    ours = table._meta.app_label in LOOK_AT
    if ours and name.endswith(("_add", "_delete")):
        return set()
    return LOOK_AT.get(table._meta.app_label, ADMINISTERING)


def may_change(name: str) -> set[str]:
    if name in ACTIONS:
        return ACTIONS[name]
    table = stock_pages().get(name)
    library = table is not None and table._meta.app_label not in LOOK_AT
    return ADMINISTERING if library or name == "auth_user_password_change" else set()


def test_every_admin_url_is_declared() -> None:
    unknown = admin_urls().keys() - PAGES.keys() - ACTIONS.keys() - stock_pages().keys()
    gone = (PAGES.keys() | ACTIONS.keys()) - admin_urls().keys()

    assert not unknown, (
        f"New admin URLs: {sorted(unknown)}. Say who may use them: in PAGES of this file where a GET shows something, "
        "in ACTIONS where a POST does something (with a row in `rows` that it can be done to)."
    )
    assert not gone, f"Declared here, but no URL any more: {sorted(gone)}."


@pytest.fixture
def rows(import_one: Import, approver: Actor, requester: Actor) -> dict[str, Model]:
    """A row of every kind; by the name of an action, the row on which it is possible."""
    possible = fruit_decided(import_one, approver)
    BackgroundTask.objects.update(state=BackgroundTask.State.FAILED)  # the replays that an import asks for
    import_one(model="wine", flavour=4.0)
    possible |= others_on_trial(import_one, approver)
    run = run_request(model="wine", actor=requester, trigger=Trigger.PERSON)
    schedule_set(model="wine", cron="0 2 * * *", actor=Actor.system("schedule"))
    MirrorState.objects.create(model="fruit")
    upload = {"file_name": "labels.csv", "uploaded_by": "rui"}
    made = [*of_registry(run, upload), *of_serving(run, requester), *of_scheduler()]
    return {
        **{f"{row._meta.app_label}_{row._meta.model_name}": row for row in made},
        "registry_ui_modelversion": ModelVersion.objects.get(model="fruit", number=3),
        **possible,
        "registry_ui_feedbackupload_revert": FeedbackUpload.objects.create(
            **upload, state="applied", applied_at=timezone.now()
        ),
        "predictions_deployment_unschedule": Deployment.objects.get(model="wine"),
    }


def fruit_decided(import_one: Import, approver: Actor) -> dict[str, Model]:
    """The second version serves, the third waits, the fourth was sent back."""
    import_one()
    import_one(flavour=2.0, verdict="promote")
    taken = version_approve(model="fruit", number=2, actor=approver, reason="better", expected_generation=1)
    import_one(flavour=3.0, verdict="promote", held_out=True)
    sent_back = import_one(flavour=3.5).version
    version_request_changes(model="fruit", number=4, actor=approver, reason="why?", expected_generation=2)
    return {
        "registry_ui_modelversion_roll_back": ModelVersion.objects.get(model="fruit", number=1),
        "registry_ui_modelversion_evidence": taken.version,
        "registry_ui_modelversion_ask_again": sent_back,
    }


def others_on_trial(import_one: Import, approver: Actor) -> dict[str, Model]:
    """A canary of nuts, one of pears that pauses, a shadow of figs."""
    for number, model in enumerate(("nuts", "pears", "figs")):
        for version in (1, 2):
            import_one(model=model, flavour=5.0 + 2 * number + version)
    second: dict[str, Any] = {"number": 2, "actor": approver, "reason": "look"}
    for model in ("nuts", "pears"):
        version_set_canary(**second, model=model, share=0.1, expected_generation=1, plan=CanaryPlan())
    canary_pause(**second, model="pears", expected_generation=2)
    version_set_shadow(**second, model="figs", expected_generation=1)
    nuts = Deployment.objects.get(model="nuts")
    canary, shadow = (ModelVersion.objects.get(model=model, number=2) for model in ("nuts", "figs"))
    return {
        "registry_ui_modelversion_promote_canary": canary,
        "registry_ui_modelversion_end_canary": canary,
        "registry_ui_modelversion_end_shadow": shadow,
        **{f"predictions_deployment_{one}_canary": nuts for one in ("end", "plan", "pause")},
        "predictions_deployment_resume_canary": Deployment.objects.get(model="pears"),
    }


def of_registry(run: Model, upload: dict[str, str]) -> list[Any]:
    note = {"key": "test:1", "channel": "email", "event": "test", "message": {"text": "a test"}}
    return [
        run,
        FeedbackUpload.objects.create(**upload),
        DriftReport.objects.create(model="figs", version=1, state="insufficient", html=drift_page_keep(b"a page")),
        Decision.objects.earliest("pk"),
        ForeignChange.objects.create(model="fruit", kind="alias", name="champion", ours="2", theirs="1"),
        Generation.objects.earliest("pk"),
        AuditEntry.objects.earliest("pk"),
        OutboxEntry.objects.earliest("pk"),
        Notification.objects.create(**note, next_try_at=timezone.now()),
    ]


def of_serving(run: Model, requester: Actor) -> list[Any]:
    answer = {"inputs": {}, "label": "yes", "probability": 0.9, "latency_us": 9, "bundle": "", "route": "champion"}
    return [
        Deployment.objects.get(model="fruit"),
        Observation.objects.create(kind="bundle", subject="x", message="y"),
        Prediction.objects.create(id=run.pk, created_at=timezone.now(), model="fruit", version=1, **answer),
        AuthToken.objects.create(requester.user)[0],
        requester.user,
        Group.objects.get(name=APPROVERS),
    ]


def of_scheduler() -> list[Any]:
    interval = IntervalSchedule.objects.create(every=5, period="seconds")
    return [
        CrontabSchedule.objects.create(),
        interval,
        SolarSchedule.objects.create(event="sunrise", latitude=1, longitude=1),
        ClockedSchedule.objects.create(clocked_time=timezone.now()),
        PeriodicTask.objects.create(name="a task", task="x", interval=interval),
    ]


@pytest.fixture
def clients(rows: dict[str, Model], requester: Actor, approver: Actor) -> dict[str, Client]:
    looking = Permission.objects.filter(content_type__app_label__in=LOOK_AT, codename__startswith="view_")
    viewer = member("viv")
    viewer.user_permissions.set(looking)
    people = {
        "staff": member("sam"),
        "viewer": viewer,
        "requester": requester.user,
        "approver": approver.user,
        "superuser": User.objects.create_superuser("ada"),
    }
    assert {group.name for group in (*requester.user.groups.all(), *approver.user.groups.all())} == {
        REQUESTERS,
        APPROVERS,
    }  # type: ignore[union-attr]
    clients = {role: Client() for role in ROLES}
    for role, person in people.items():
        clients[role].force_login(person)  # type: ignore[arg-type]
    return clients


def address(name: str, url: URLPattern, rows: dict[str, Model]) -> str:
    """The URL's address with a row of its kind in it."""
    parameters = [*url.pattern.converters, *url.pattern.regex.groupindex]
    row = next((rows[kind] for kind in sorted(rows, key=len, reverse=True) if name.startswith(kind)), None)
    assert row or "object_id" not in parameters or name == "view_on_site", f"No row for {name}: add one to `rows`."
    decided = row.decisions.first() if isinstance(row, ModelVersion) else None
    given = {"form": "csv", "app_label": "registry_ui", "content_type_id": 1, "id": row and row.pk}
    given["decision"] = decided.pk if decided else 0
    return reverse(
        f"admin:{name}", kwargs={one: {**given, "object_id": row.pk if row else 1}[one] for one in parameters}
    )


def fingerprint() -> int:
    """A hash of every table that this test could change, but sessions."""
    tables = [table for table in apps.get_models(include_auto_created=True) if table._meta.app_label != "sessions"]
    with connection.cursor() as cursor:
        content = []
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table._meta.db_table}"')  # noqa: S608 - our own table's name
            content.append(sorted(map(repr, cursor.fetchall())))
    return hash(repr(content))


class Watched:
    """Sees whether a request wrote anything: one that did not has changed nothing, and no table needs comparing."""

    def __init__(self) -> None:
        self.written = False

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.written = self.written or not sql.startswith(("SELECT", "SAVEPOINT", "RELEASE", "ROLLBACK"))
        return execute(sql, params, many, context)


def filled(name: str) -> dict[str, Any]:
    return {**FILLED, **OTHERWISE_FILLED.get(name, {})}


def tried(client: Client, method: str, address: str, body: str, before: int) -> tuple[bool, bool]:
    """Was something shown, and did it change anything? Afterwards nothing has happened."""
    watched, cookies = Watched(), copy(client.cookies)
    # Templates write nothing: they are drawn for GET and POST, which is most of this test's time.
    drawn = nullcontext() if method in ("GET", "POST") else patch.object(SimpleTemplateResponse, "rendered_content", "")
    with transaction.atomic():
        with connection.execute_wrapper(watched), drawn:
            answer = client.get(address) if method == "GET" else client.generic(method, address, body, FORM)
        changed = watched.written and fingerprint() != before
        transaction.set_rollback(True)
    client.cookies = cookies  # as before a logout
    return answer.status_code == 200, changed


@pytest.mark.parametrize("role", ROLES)
def test_nobody_does_more_than_the_tables_say(
    role: str, clients: dict[str, Client], rows: dict[str, Model], settings: Settings
) -> None:
    settings.NOTIFY_EMAIL_TO = ["team@example.org"]
    before, wrong = fingerprint(), []
    for name, url in admin_urls().items():
        where = address(name, url, rows)
        for method in METHODS:
            shown, changed = tried(clients[role], method, where, urlencode(filled(name)), before)
            if changed and (method != "POST" or role not in may_change(name)):
                wrong.append(f"{method} {name} changes something")
            if method == "GET" and shown != (role in may_look(name)):
                wrong.append(f"GET {name} is {'shown' if shown else 'not shown'}")
            if method == "POST" and name in ACTIONS and changed != (role in ACTIONS[name]):
                wrong.append(f"POST {name} {'is done' if changed else 'does nothing'}")

    assert wrong == [], f"{role}: {wrong}"


def test_no_form_is_taken_without_its_csrf_token(clients: dict[str, Client], rows: dict[str, Model]) -> None:
    """Who may do everything sends every form without its token: 403, or 405 and 404 where no form is taken at all."""
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = clients["superuser"].cookies
    before = fingerprint()
    for name, url in admin_urls().items():
        status = strict.post(address(name, url, rows), filled(name)).status_code
        assert status in ((403,) if name in ACTIONS else (403, 404, 405)), (name, status)
    assert fingerprint() == before
