"""Kubernetes objects against each other: selectors, ports, references. Their shape alone is the linter's matter."""

from typing import Any

import pytest
import yaml

from tests.infrastructure.files import (
    KINDS_WITH_PODS,
    ROOT,
    Manifest,
    container_of,
    load_yaml,
    manifests,
    name_of,
    of_kind,
    pod_of,
    release,
)

SECRETS = {"codesoft-web", "codesoft-worker"}


def deployment(name: str) -> Manifest:
    (found,) = [manifest for manifest in of_kind("Deployment") if name_of(manifest) == name]
    return found


def labels_match(selector: dict[str, str], manifest: Manifest) -> bool:
    return bool(selector.items() <= manifest["spec"]["template"]["metadata"]["labels"].items())


def test_every_selector_finds_exactly_one_deployment() -> None:
    selectors = [(name_of(item), item["spec"]["selector"]) for item in of_kind("Service")]
    selectors += [(name_of(item), item["spec"]["selector"]["matchLabels"]) for item in of_kind("Deployment")]
    selectors += [(name_of(item), item["spec"]["selector"]["matchLabels"]) for item in of_kind("PodDisruptionBudget")]
    for name, selector in selectors:
        assert sum(labels_match(selector, item) for item in of_kind("Deployment")) == 1, name


def test_network_policies_open_only_ports_and_pods_that_exist() -> None:
    exposed = {
        (name_of(item), port["name"]) for item in of_kind("Deployment") for port in container_of(item).get("ports", [])
    }
    opened = set()
    for policy in of_kind("NetworkPolicy"):
        selector = policy["spec"]["podSelector"].get("matchLabels", {})
        pods = [name_of(item) for item in of_kind("Deployment") if labels_match(selector, item)]
        assert pods
        ports = [port["port"] for rule in policy["spec"].get("ingress", []) for port in rule["ports"]]
        opened |= {(pod, port) for pod in pods for port in ports}
    assert opened == exposed


def test_services_ingress_and_probes_point_at_named_container_ports() -> None:
    ports = {port["name"]: port["containerPort"] for port in container_of(deployment("codesoft-web"))["ports"]}
    for service in of_kind("Service"):
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports.keys()
    (ingress,) = of_kind("Ingress")
    backend = ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    (service,) = [item for item in of_kind("Service") if name_of(item) == backend["name"]]
    assert backend["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}
    settings = settings_map()
    assert ports == {"http": int(settings["PORT"]), "metrics": int(settings["METRICS_PORT"])}


@pytest.mark.parametrize(
    ("name", "variable"), [("codesoft-web", "METRICS_PORT"), ("codesoft-dispatcher", "DISPATCHER_METRICS_PORT")]
)
def test_prometheus_is_told_the_port_that_the_process_is_told(name: str, variable: str) -> None:
    ports = {port["name"]: port["containerPort"] for port in container_of(deployment(name))["ports"]}
    annotations = deployment(name)["spec"]["template"]["metadata"]["annotations"]
    assert settings_map()[variable] == str(ports["metrics"]) == annotations["prometheus.io/port"]


def settings_map() -> dict[str, str]:
    (found,) = [item for item in of_kind("ConfigMap") if name_of(item).startswith("codesoft-settings")]
    return dict(found["data"])


def test_probes_ask_paths_that_are_answered_before_host_names_are_checked() -> None:
    web = container_of(deployment("codesoft-web"))
    source = (ROOT / "codesoft" / "health.py").read_text()
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert f'"{web[probe]["httpGet"]["path"]}"' in source
    assert web["livenessProbe"]["httpGet"]["path"] != web["readinessProbe"]["httpGet"]["path"]


def test_autoscaler_owns_the_number_of_web_replicas() -> None:
    (autoscaler,) = of_kind("HorizontalPodAutoscaler")
    target = deployment(autoscaler["spec"]["scaleTargetRef"]["name"])
    assert "replicas" not in target["spec"]
    assert "cpu" in container_of(target)["resources"]["requests"]


@pytest.mark.parametrize("name", ["codesoft-beat", "codesoft-dispatcher", "codesoft-worker-runs"])
def test_there_is_never_a_second_clock_dispatcher_or_trainer(name: str) -> None:
    assert deployment(name)["spec"]["replicas"] == 1
    assert deployment(name)["spec"]["strategy"] == {"type": "Recreate"}


def test_pods_run_without_privileges_and_write_to_their_volumes_alone() -> None:
    for manifest in of_kind(*KINDS_WITH_PODS):
        pod, container = pod_of(manifest), container_of(manifest)
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["automountServiceAccountToken"] is False
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
        assert mounted - {"/dev/shm"} == {"/var/lib/codesoft", "/tmp"}
        assert container["resources"]["limits"]["memory"]


def test_web_workers_share_their_metrics_in_memory_of_a_bounded_size() -> None:
    web = deployment("codesoft-web")
    (name,) = [mount["name"] for mount in container_of(web)["volumeMounts"] if mount["mountPath"] == "/dev/shm"]
    (volume,) = [volume for volume in pod_of(web)["volumes"] if volume["name"] == name]
    assert volume["emptyDir"]["medium"] == "Memory"
    assert volume["emptyDir"]["sizeLimit"]
    assert 'Path("/dev/shm")' in (ROOT / "codesoft" / "gunicorn.py").read_text()


def test_references_to_settings_secrets_and_accounts_resolve() -> None:
    maps = {name_of(item) for item in of_kind("ConfigMap")}
    accounts = {name_of(item) for item in of_kind("ServiceAccount")}
    for manifest in of_kind(*KINDS_WITH_PODS):
        sources = container_of(manifest)["envFrom"]
        assert {source["configMapRef"]["name"] for source in sources if "configMapRef" in source} <= maps
        assert {source["secretRef"]["name"] for source in sources if "secretRef" in source} <= SECRETS
        assert pod_of(manifest).get("serviceAccountName", "codesoft-web") in accounts


def test_web_pods_get_no_secret_of_the_pipeline() -> None:
    sources = container_of(deployment("codesoft-web"))["envFrom"]
    assert [source["secretRef"]["name"] for source in sources if "secretRef" in source] == ["codesoft-web"]


def test_no_secret_stands_in_a_manifest() -> None:
    assert not of_kind("Secret")
    assert not {key for key in settings_map() if "SECRET" in key or "PASSWORD" in key or "TOKEN" in key}


def test_every_object_lies_in_the_namespace() -> None:
    for manifest in release():
        if manifest["kind"] != "Namespace":
            assert manifest["metadata"]["namespace"] == "codesoft", name_of(manifest)


def test_rollout_waits_for_every_deployment() -> None:
    line = next(line for line in (ROOT / "k8s" / "rollout").read_text().splitlines() if line.startswith("deployments="))
    assert set(line.removeprefix("deployments=(").removesuffix(")").split()) == set(map(name_of, of_kind("Deployment")))


def test_images_of_all_pods_are_set_by_the_release() -> None:
    component = load_yaml(ROOT / "k8s/production/images/kustomization.yaml")
    expected = {f"{image['newName']}:{image['newTag']}" for image in component["images"]}
    assert {container_of(item)["image"] for item in of_kind(*KINDS_WITH_PODS)} == expected


def test_the_migration_is_no_part_of_what_is_applied_after_it() -> None:
    assert [item["kind"] for item in manifests("production/migration")] == ["Job"]
    assert not [item for item in manifests("production") if item["kind"] == "Job"]


def test_rules_and_dashboards_reach_the_cluster_unchanged() -> None:
    maps: dict[str, Any] = {name_of(item): item["data"] for item in of_kind("ConfigMap")}
    rules = yaml.safe_load(maps["codesoft-prometheus-rules"]["rules.yaml"])
    assert rules == load_yaml(ROOT / "k8s/monitoring/rules.yaml")
    dashboards = {path.name for path in (ROOT / "k8s/monitoring/grafana/dashboards").glob("*.json")}
    assert set(maps["codesoft-grafana-dashboards"]) == dashboards
