"""compose.yaml against the Dockerfile, the manifests and `.env.example`."""

import re
from typing import Any

import pytest

from tests.infrastructure.files import ROOT, container_of, load_yaml, name_of, of_kind

SERVICES: dict[str, dict[str, Any]] = load_yaml(ROOT / "compose.yaml")["services"]
TEXT = (ROOT / "compose.yaml").read_text()


def test_every_required_variable_has_a_line_in_the_example() -> None:
    required = set(re.findall(r"\$\{(\w+):\?", TEXT)) | {"SLACK_WEBHOOK_URL"}
    example = dict(re.findall(r"^(\w+)=(.*)$", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))
    assert example == dict.fromkeys(required, "")


def test_no_password_or_key_is_written_down() -> None:
    for line in TEXT.splitlines():
        if re.search(r"(PASSWORD|SECRET_KEY|TOKEN)\w*:", line):
            assert re.search(r"\$\{\w+:\?", line), line


def test_nothing_is_published_beyond_this_machine() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_mounted_files_exist() -> None:
    mounts = [mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])]
    sources = [source for source in mounts if source.startswith("./")]
    assert sources
    assert all((ROOT / source).exists() for source in sources)


def test_build_targets_are_stages_of_the_dockerfile() -> None:
    stages = set(re.findall(r"^FROM .* AS ([\w-]+)$", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE))
    targets = {service["build"]["target"] for service in SERVICES.values() if "build" in service}
    assert targets == {"web", "worker"}
    assert targets <= stages


@pytest.mark.parametrize("name", ["worker-runs", "worker-default", "beat", "dispatcher", "migrate"])
def test_a_process_is_started_by_the_same_command_as_in_the_cluster(name: str) -> None:
    (manifest,) = [item for item in of_kind("Deployment", "Job") if name_of(item) == f"codesoft-{name}"]
    assert SERVICES[name]["command"] == container_of(manifest)["command"]


@pytest.mark.parametrize("job", ["codesoft-web", "codesoft-dispatcher"])
def test_prometheus_scrapes_the_port_that_the_image_exposes_under_the_name_that_the_rules_know(job: str) -> None:
    jobs = {item["job_name"]: item for item in load_yaml(ROOT / "k8s/monitoring/prometheus.yaml")["scrape_configs"]}
    (target,) = jobs[job]["static_configs"][0]["targets"]
    service, port = target.split(":")
    _, *stages = re.split(r"^FROM .* AS ([\w-]+)$", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    stage = dict(zip(stages[::2], stages[1::2], strict=True))[SERVICES[service]["build"]["target"]]
    assert port in re.findall(r"^EXPOSE (.+)$", stage, flags=re.MULTILINE)[0].split()
    assert f'job="{job}"' in (ROOT / "k8s/monitoring/rules.yaml").read_text()


def test_the_dispatcher_is_told_the_port_that_prometheus_scrapes() -> None:
    jobs = {item["job_name"]: item for item in load_yaml(ROOT / "k8s/monitoring/prometheus.yaml")["scrape_configs"]}
    port = SERVICES["dispatcher"]["environment"]["DISPATCHER_METRICS_PORT"]
    assert jobs["codesoft-dispatcher"]["static_configs"][0]["targets"] == [f"dispatcher:{port}"]


def test_every_variable_that_the_code_reads_stands_in_the_table_of_the_environment() -> None:
    """Beside what a process of ours sets for another one, and what examples and WSGI read."""
    between_ours = {"CODESOFT_TRIGGER", "CODESOFT_PIPELINE_RUN", "PROMETHEUS_MULTIPROC_DIR", "SCRIPT_NAME", "TOKEN"}
    reads = re.compile(r'(?:env\.\w+|whole_number|os\.environ\.get|os\.environ)[(\[]\s*"([A-Z][A-Z_0-9]+)"')
    sources = [
        path
        for package in ("codesoft", "predictions", "registry_ui", "ml_pipeline")
        for path in (ROOT / package).rglob("*.py")
    ]
    read = {name for path in sources for name in reads.findall(path.read_text())} - between_ours
    table = (ROOT / "docs" / "deployment.md").read_text().split("## Environment")[1].split("\n## ")[0]
    assert len(read) > 40
    assert read <= set(re.findall(r"`([A-Z][A-Z_0-9]+)`", table)), "docs/deployment.md, Environment"


def test_application_services_take_the_optional_settings_and_no_other_service_does() -> None:
    ours = {name for name, service in SERVICES.items() if service["image"] in ("codesoft-web", "codesoft-worker")}
    taking = {name for name, service in SERVICES.items() if "env_file" in service}
    assert taking == ours - {"mlflow"}
