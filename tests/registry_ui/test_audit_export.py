"""What leaves as text: verifiable without our code, harmless in a spreadsheet, and no more than the list shows."""

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from django.urls import reverse

from ml_pipeline.environment import PROJECT_ROOT
from registry_ui.models import AuditEntry
from registry_ui.services.access import Actor
from registry_ui.services.audit import Event, audit_append
from tests.registry_ui.conftest import member

pytestmark = pytest.mark.django_db


@pytest.fixture
def entries() -> None:
    with transaction.atomic():
        audit_append(
            events=[
                Event(actor="olga", action="test", subject="thing 1", model="fruit", details={"é": "ü\u2028\n"}),
                Event(actor="=HYPERLINK(1)", action="+1", subject=" @x", model="wine"),
                Event(actor="rui", action="test", subject="cherry", model="fruit"),
            ]
        )


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """The lines of docs/audit.md."""
    text = (PROJECT_ROOT / "docs" / "audit.md").read_text()
    found = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert found
    path = tmp_path / "recipe.py"
    path.write_text(found[1])
    return path


def export(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    call_command("export_audit", *options)
    return capsys.readouterr().out


def run(recipe: Path, text: str) -> subprocess.CompletedProcess[str]:
    file = recipe.with_name("export.jsonl")
    file.write_text(text)
    return subprocess.run([sys.executable, str(recipe), str(file)], capture_output=True, text=True, check=False)


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize("options", [[], ["--model", "fruit"], ["--since", "2020-01-01"]])
def test_an_export_is_verified_by_the_documented_lines_alone(
    recipe: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    text = export(capsys, "--format", "json", *options)
    last = AuditEntry.objects.get(sequence=3)

    assert f"Good up to 3:{last.hash}" in run(recipe, text).stdout
    for before, after in (("olga", "otto"), ("cherry", "berry"), (last.hash, "0" * 64)):
        assert "was changed" in run(recipe, text.replace(before, after, 1)).stderr, before


@pytest.mark.usefixtures("entries")
def test_lines_that_are_missing_or_swapped_are_seen_outside(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, third = export(capsys, "--format", "json").splitlines(keepends=True)

    assert "was changed" in run(recipe, second + first + third).stderr
    assert "Good up to 3" in run(recipe, first + third).stdout  # a gap, as in the export of one model


@pytest.mark.usefixtures("entries")
def test_a_cell_is_never_a_formula(capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(export(capsys, "--format", "csv"), newline="")))

    assert [row["sequence"] for row in rows] == ["1", "2", "3"]
    assert (rows[1]["actor"], rows[1]["action"], rows[1]["subject"]) == ("'=HYPERLINK(1)", "'+1", "' @x")
    assert rows[0]["payload"] == AuditEntry.objects.get(sequence=1).payload


@pytest.mark.usefixtures("entries")
def test_a_part_is_exported_by_model_and_moment(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(export(capsys, "--format", "json", "--model", "wine").splitlines()) == 1
    assert export(capsys, "--format", "json", "--since", "2100-01-01T00:00+02:00") == ""
    assert export(capsys, "--format", "csv", "--since", "2100-01-01").splitlines()[1:] == []
    with pytest.raises(CommandError, match="is not a moment"):
        call_command("export_audit", "--format", "csv", "--since", "yesterday")


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize(("form", "kind"), [("csv", "text/csv; charset=utf-8"), ("json", "application/x-ndjson")])
def test_the_admin_streams_what_the_list_shows(admin_client: Client, form: str, kind: str) -> None:
    page = admin_client.get(reverse("admin:registry_ui_auditentry_changelist"), {"model": "fruit", "q": "cherry"})
    address = reverse("admin:registry_ui_auditentry_export", args=[form])
    assert f'{address}?model=fruit&amp;q=cherry"' in page.content.decode()

    answer = admin_client.get(address, {"model": "fruit", "q": "cherry"})
    lines = b"".join(answer).decode().splitlines()  # type: ignore[arg-type]

    assert answer["Content-Type"] == kind
    assert f'.{"csv" if form == "csv" else "jsonl"}"' in answer["Content-Disposition"]
    assert "cherry" in lines[-1]
    assert len(lines) == (2 if form == "csv" else 1)
    if form == "json":
        assert json.loads(lines[0])["sequence"] == 3


@pytest.mark.usefixtures("entries")
def test_who_may_not_read_the_log_takes_nothing_out(client: Client, approver: Actor) -> None:
    address = reverse("admin:registry_ui_auditentry_export", args=["csv"])
    assert client.get(address).status_code == 302
    client.force_login(member("guest"))
    assert client.get(address).status_code == 403
    assert approver.user is not None
    client.force_login(approver.user)
    assert client.post(address).status_code == 405
    assert client.get(address, {"nonsense": "1"}).status_code == 400
