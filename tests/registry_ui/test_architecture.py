"""Who may write what, who may publish: read from the code itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("codesoft", "ml_pipeline", "predictions", "registry_ui")
WRITES = {"create", "get_or_create", "update_or_create", "bulk_create", "bulk_update", "update", "delete", "save"}
SERVED = {"Deployment", "Generation"}
DECIDED = {
    "ApprovalRequest",
    "AuditEntry",
    "AuditHead",
    "BackgroundTask",
    "BrokerContact",
    "Decision",
    "FeedbackUpload",
    "LabelledDay",
    "ModelPolicy",
    "ModelVersion",
    "Notification",
    "OutboxEntry",
    "PipelineRun",
    "ShadowComparison",
    "VersionTrial",
}
MIRRORED = {"MirrorState", "ForeignChange"}


def modules(*apps: str) -> Iterator[tuple[str, ast.Module]]:
    for app in apps:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text())


def names_in(node: ast.AST) -> set[str]:
    return {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}


def writers_of(tables: set[str]) -> set[str]:
    """Modules that call a writing method on one of `tables`, or construct a row of it."""
    found = set()
    for name, module in modules(*APPS):
        for call in (node for node in ast.walk(module) if isinstance(node, ast.Call)):
            writes = isinstance(call.func, ast.Attribute) and call.func.attr in WRITES
            constructs = isinstance(call.func, ast.Name) and call.func.id in tables
            if (writes and names_in(call.func) & tables) or constructs:
                found.add(name)
    return found


def imported_by(module: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_one_module_writes_what_serves() -> None:
    assert writers_of(SERVED) == {"registry_ui/services/deployments.py"}


def test_services_alone_write_what_is_decided() -> None:
    assert {name for name in writers_of(DECIDED | MIRRORED) if not name.startswith("registry_ui/services/")} == set()


def test_services_know_no_door() -> None:
    doors = ("registry_ui.tasks", "registry_ui.admin", "registry_ui.api", "registry_ui.dispatcher", "celery")
    for name, module in modules("registry_ui/services"):
        assert not [item for item in imported_by(module) if item.startswith(doors)], name


def test_the_dispatcher_alone_publishes_to_the_broker() -> None:
    publishing = {
        name
        for name, module in modules(*APPS)
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute) and node.attr in {"delay", "apply_async", "send_task"}
    }

    assert publishing == {"registry_ui/dispatcher.py"}
