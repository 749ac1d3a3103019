"""Tokens as their owners and administrators handle them: each change audited, and nobody's token is another's."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from knox.crypto import hash_token
from knox.models import AuthToken

from predictions.models import ModelLimit, TokenDetails
from registry_ui.errors import InvalidToken, PermissionRefused, UnknownToken
from registry_ui.models import AuditEntry
from registry_ui.selectors import tokens_of
from registry_ui.services.access import Actor
from registry_ui.services.deployments import deployment_ensure
from registry_ui.services.tokens import model_limit_set, token_create, token_limit_set, token_revoke

pytestmark = pytest.mark.django_db
GOOD: dict[str, Any] = {"name": "nightly", "scopes": ["predict"], "model_names": None}
FORM = {
    "once": "a",
    "name": "nightly",
    "scopes": ["predict", "read"],
    "reach": "some",
    "models": ["fruit"],
    "days": "30",
}


@pytest.fixture
def rui() -> User:
    deployment_ensure(model="fruit")
    return User.objects.create_user("rui")


@pytest.fixture
def signed_in(rui: User) -> Client:
    client = Client()
    client.force_login(rui)
    return client


def make(owner: User, **changed: Any) -> str:
    """The token's fingerprint."""
    return hash_token(token_create(owner=owner, actor=Actor.person(owner), **{**GOOD, **changed}))[:16]


def audited() -> list[tuple[str, str, dict[str, Any]]]:
    return [(row.actor, row.action, json.loads(row.payload)["details"]) for row in AuditEntry.objects.order_by("pk")]


def test_making_and_revoking_are_audited_and_the_token_stands_nowhere(rui: User) -> None:
    token = token_create(owner=rui, actor=Actor.person(rui), **GOOD)
    fingerprint = hash_token(token)[:16]
    token_revoke(fingerprint=fingerprint, actor=Actor.person(rui))

    assert [(actor, action, said["scopes"], said["owner"]) for actor, action, said in audited()] == [
        ("rui", "token.create", ["predict"], "rui"),
        ("rui", "token.revoke", ["predict"], "rui"),
    ]
    assert token not in "".join(AuditEntry.objects.values_list("payload", flat=True))
    assert not AuthToken.objects.exists()


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", {"name": "  "}),
        ("name", {"name": "x" * 101}),
        ("scopes", {"scopes": []}),
        ("scopes", {"scopes": ["everything"]}),
        ("model_names", {"model_names": []}),
        ("model_names", {"model_names": ["no-such-model"]}),
        ("expires_in", {"expires_in": timedelta(days=366)}),
    ],
)
def test_what_cannot_be_is_refused_by_field(rui: User, field: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken) as refused:
        make(rui, **wrong)
    assert refused.value.details == {"field": field}
    assert not AuthToken.objects.exists()


def test_nobody_makes_or_revokes_for_another_but_an_administrator_revokes(rui: User) -> None:
    ada, eve = User.objects.create_superuser("ada"), User.objects.create_user("eve")
    with pytest.raises(PermissionRefused):
        token_create(owner=rui, actor=Actor.person(ada), **GOOD)
    fingerprint = make(rui)
    with pytest.raises(UnknownToken):
        token_revoke(fingerprint=fingerprint, actor=Actor.person(eve))
    token_revoke(fingerprint=fingerprint, actor=Actor.person(ada))
    assert not AuthToken.objects.exists()


def test_limits_are_set_by_administrators_and_audited(rui: User) -> None:
    ada, fingerprint = Actor.person(User.objects.create_superuser("ada")), make(rui)
    with pytest.raises(PermissionRefused):
        token_limit_set(fingerprint=fingerprint, requests_per_minute=0, actor=Actor.person(rui), reason="mine")
    token_limit_set(fingerprint=fingerprint, requests_per_minute=60, actor=ada, reason="a promise")
    model_limit_set(model="fruit", requests_per_minute=0, actor=ada, reason="a test")
    model_limit_set(model="fruit", requests_per_minute=None, actor=ada, reason="done")

    assert TokenDetails.objects.get().rate_limit == 60
    assert not ModelLimit.objects.exists()
    assert [(action, said["before"], said["after"]) for _, action, said in audited()[1:]] == [
        ("token.limit", None, 60),
        ("model.limit", None, 0),
        ("model.limit", 0, None),
    ]


def test_a_token_made_by_hand_is_listed_limited_and_revoked_like_any_other(rui: User) -> None:
    row, _ = AuthToken.objects.create(rui, expiry=None)
    assert [(one.name, one.models, one.expires_at) for one in tokens_of(owner=rui)] == [("made by hand", None, None)]
    ada = Actor.person(User.objects.create_superuser("ada"))
    token_limit_set(fingerprint=row.digest[:16], requests_per_minute=5, actor=ada, reason="careful")
    assert tokens_of(owner=rui)[0].rate_limit == 5
    token_revoke(fingerprint=row.digest[:16], actor=Actor.person(rui))
    assert tokens_of(owner=rui) == []


def test_the_page_shows_a_new_token_once_and_a_form_sent_twice_makes_one(signed_in: Client, rui: User) -> None:
    made = signed_in.post(reverse("tokens"), FORM)
    row = AuthToken.objects.get()
    token = next(word for word in made.content.decode().split('"') if hash_token(word) == row.digest)
    assert "no-store" in made["Cache-Control"]
    assert (row.details.scopes, row.details.model_names) == (["predict", "read"], ["fruit"])

    again = signed_in.post(reverse("tokens"), FORM, follow=True)
    assert AuthToken.objects.count() == 1
    assert token not in again.content.decode()
    assert "shown once" in again.content.decode()
    assert token not in repr(dict(signed_in.session.items()))


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"scopes": []},
        {"models": []},
        {"reach": "every"},
        {"models": ["nuts"]},
        {"days": "9"},
        {"once": ""},
    ],
)
def test_a_form_that_is_wrong_makes_nothing_and_keeps_what_was_typed(signed_in: Client, wrong: dict[str, Any]) -> None:
    answer = signed_in.post(reverse("tokens"), {**FORM, **wrong})
    assert answer.status_code == 400
    assert not AuthToken.objects.exists()


def test_revoking_asks_first_takes_a_post_with_its_token_and_only_of_ones_own(signed_in: Client, rui: User) -> None:
    mine, theirs = make(rui), make(User.objects.create_user("eve"))
    assert signed_in.get(reverse("token-revoke", args=[mine])).status_code == 200
    assert AuthToken.objects.count() == 2
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = signed_in.cookies
    assert strict.post(reverse("token-revoke", args=[mine])).status_code == 403
    assert signed_in.post(reverse("token-revoke", args=[theirs])).status_code == 404
    assert signed_in.post(reverse("token-revoke", args=[mine])).status_code == 302
    assert [row.user.username for row in AuthToken.objects.all()] == ["eve"]


def test_the_pages_want_a_login(rui: User) -> None:
    for address in (reverse("tokens"), reverse("token-revoke", args=[make(rui)])):
        assert Client().get(address)["Location"].startswith(reverse("admin:login"))
    assert Client().post(reverse("tokens"), FORM).status_code == 302
    assert AuthToken.objects.count() == 1


def test_an_administrator_sees_everybodys_tokens_and_nobody_adds_one_there(rui: User) -> None:
    make(rui)
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    shown = client.get(reverse("admin:knox_authtoken_changelist")).content.decode()
    assert "nightly" in shown
    assert "rui" in shown
    assert client.get(reverse("admin:knox_authtoken_add")).status_code == 403
