"""The Kubernetes manifests: what the API takes, and that their parts and the code agree with each other."""

from __future__ import annotations

import copy
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

import scorer
from scorer.errors import SettingError
from scorer.service.app import ADMIN_PATHS
from scorer.service.settings import Settings
from tests.support.manifests import KUBERNETES, Manifests, needs_kubectl, render
from tests.support.paths import ROOT
from tests.support.prometheus import needs_promtool, promtool, wrong

pytestmark = needs_kubectl

OLDEST = "1.29"
"""The oldest version of Kubernetes that docs/operations.md names."""

CUSTOM = {"ServiceMonitor"}
"""Kinds that no schema of Kubernetes has."""

PRODUCTION, KIND = "overlays/production", "overlays/kind"
ADAPTER = ROOT / "deploy" / "monitoring" / "adapter.yml"
MARGIN_SECONDS = 5


@pytest.fixture(params=["base", PRODUCTION, KIND])
def manifests(request: pytest.FixtureRequest) -> Manifests:
    return render(request.param)


@pytest.fixture
def production() -> Manifests:
    return render(PRODUCTION)


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
def test_the_api_takes_every_resource(manifests: Manifests, version: str) -> None:
    for resource in manifests.resources:
        if resource["kind"] not in CUSTOM:
            kubernetes_validate.validate(resource, version, strict=True)


def test_the_oldest_version_is_documented() -> None:
    assert f"Kubernetes {OLDEST} " in " ".join((ROOT / "docs" / "operations.md").read_text().split())


def test_what_the_api_would_not_take_is_found(production: Manifests) -> None:
    misspelt = copy.deepcopy(production.one("Deployment"))
    misspelt["spec"]["template"]["spec"]["terminationGraceSeconds"] = 45
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(misspelt, OLDEST, strict=True)


def listed(directory: Path) -> set[Path]:
    """The files that a kustomization is made of, those of the ones that it names included."""
    kustomization = yaml.safe_load((directory / "kustomization.yaml").read_text())
    names = [*kustomization.get("resources", []), *kustomization.get("components", [])]
    names += [patch["path"] for patch in kustomization.get("patches", []) if "path" in patch]
    names += [name for generator in kustomization.get("configMapGenerator", []) for name in generator["envs"]]
    paths = [(directory / name).resolve() for name in names]
    return {directory / "kustomization.yaml"}.union(*(listed(path) if path.is_dir() else {path} for path in paths))


def test_every_file_is_part_of_an_overlay() -> None:
    assert listed(KUBERNETES / PRODUCTION) | listed(KUBERNETES / KIND) == {
        path for path in KUBERNETES.rglob("*") if path.is_file()
    }


def test_every_selector_finds_the_pods(manifests: Manifests) -> None:
    labels = manifests.pod["metadata"]["labels"].items()
    spec = manifests.one("Deployment")["spec"]
    selectors = [spec["selector"]["matchLabels"]]
    selectors += [
        each["labelSelector"]["matchLabels"] for each in spec["template"]["spec"]["topologySpreadConstraints"]
    ]
    selectors += [service["spec"]["selector"] for service in manifests.all("Service")]
    selectors.append(manifests.one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"])
    selectors.append(manifests.one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"])
    assert all(selector and selector.items() <= labels for selector in selectors)


def test_the_monitor_finds_the_admin_service_alone(production: Manifests) -> None:
    monitor = production.one("ServiceMonitor")["spec"]
    wanted = monitor["selector"]["matchLabels"].items()
    (service,) = [one for one in production.all("Service") if wanted <= one["metadata"]["labels"].items()]
    (endpoint,) = monitor["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert endpoint["path"] == "/metrics"
    assert service["metadata"]["labels"][monitor["jobLabel"]] == "scorer"  # the alert rules' job
    assert service["spec"]["publishNotReadyAddresses"]


def test_ports(manifests: Manifests) -> None:
    settings = Settings.from_environment(manifests.settings)
    ports = {port["name"]: port["containerPort"] for port in manifests.container["ports"]}
    assert ports == {"http": settings.port, "admin": settings.admin_port}
    for service in manifests.all("Service"):
        (port,) = service["spec"]["ports"]
        assert (port["targetPort"], port["port"]) == (port["name"], ports[port["name"]])
    reached = [port["port"] for rule in manifests.one("NetworkPolicy")["spec"]["ingress"] for port in rule["ports"]]
    assert set(reached) <= set(ports)


def test_probes_ask_what_is_there(manifests: Manifests) -> None:
    container = manifests.container
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startup": "/livez",
        "liveness": "/livez",  # a store that is down is no reason to start anew
        "readiness": "/readyz",
    }
    assert {probe["path"] for probe in probes.values()} <= ADMIN_PATHS
    assert {probe["port"] for probe in probes.values()} == {"admin"}


def test_the_service_of_this_name_would_stop_the_start(manifests: Manifests) -> None:
    """Kubernetes sets variables for the Services around a pod; those of one named scorer look like settings."""
    host = f"{manifests.all('Service')[0]['metadata']['name'].upper()}_SERVICE_HOST"
    for name, value in ((host, "10.96.0.7"), ("SCORER_PORT", "tcp://10.96.0.7:1313")):
        with pytest.raises(SettingError):
            Settings.from_environment({name: value})
    assert manifests.pod["spec"]["enableServiceLinks"] is False


def test_a_pod_has_the_time_to_drain_and_to_finish(manifests: Manifests) -> None:
    settings = Settings.from_environment(manifests.settings)
    assert settings.drain_seconds > 0
    needed = settings.drain_seconds + settings.shutdown_seconds + MARGIN_SECONDS
    assert manifests.pod["spec"]["terminationGracePeriodSeconds"] >= needed


def test_a_pod_has_no_rights(manifests: Manifests) -> None:
    (user,) = re.findall(r"^USER (.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    pod, container = manifests.pod["spec"], manifests.container
    rights = pod["securityContext"]
    assert f"{rights['runAsUser']}:{rights['runAsGroup']}" == user
    assert rights["runAsNonRoot"]
    assert rights["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False


def test_what_the_settings_name_is_mounted(production: Manifests) -> None:
    settings = Settings.from_environment(production.settings)
    volumes = {volume["name"]: volume for volume in production.pod["spec"]["volumes"]}
    mounted = {mount["mountPath"]: volumes[mount["name"]] for mount in production.container["volumeMounts"]}
    assert "emptyDir" in mounted["/tmp"]
    assert "emptyDir" in mounted[settings.cache_dir]
    keys = mounted[str(Path(settings.api_keys_file).parent)]
    assert keys["secret"]["defaultMode"] == 0o440
    created = re.findall(
        r"create secret generic (\S+) --from-file (\S+)", (KUBERNETES / PRODUCTION / "deployment.yaml").read_text()
    )
    assert created == [(keys["secret"]["secretName"], Path(settings.api_keys_file).name)]


def test_the_autoscaler_alone_counts_pods(manifests: Manifests) -> None:
    deployment, autoscaler = manifests.one("Deployment"), manifests.one("HorizontalPodAutoscaler")["spec"]
    assert "replicas" not in deployment["spec"]
    target = autoscaler["scaleTargetRef"]
    assert target == {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment["metadata"]["name"]}
    assert "cpu" in manifests.container["resources"]["requests"], "a share of it is what the autoscaler goes by"
    assert autoscaler["minReplicas"] > manifests.one("PodDisruptionBudget")["spec"]["maxUnavailable"]


def test_a_rollout_takes_no_pod_away_first(manifests: Manifests) -> None:
    assert manifests.one("Deployment")["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_pods_reach_nothing_but_names_and_a_store(production: Manifests) -> None:
    assert "SCORER_MODEL" not in render("base").settings
    assert render("base").one("NetworkPolicy")["spec"]["egress"] == []
    rules = production.one("NetworkPolicy")["spec"]["egress"]
    assert [{port["port"] for port in rule["ports"]} for rule in rules] == [{53}, {443}]
    for each in (render("base"), production):
        assert each.one("NetworkPolicy")["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_the_image_is_that_of_this_version(production: Manifests) -> None:
    assert production.container["image"].endswith(f"/coefficient-scorer:{scorer.__version__}")


def test_the_adapter_makes_the_autoscalers_metric_of_one_that_is_exposed(production: Manifests) -> None:
    (rule,) = yaml.safe_load(ADAPTER.read_text())["rules"]
    asked = [
        metric["pods"] for metric in production.one("HorizontalPodAutoscaler")["spec"]["metrics"] if "pods" in metric
    ]
    assert [metric["metric"]["name"] for metric in asked] == [rule["name"]["as"]]
    assert wrong(re.sub(r"\{.*\}", "", rule["seriesQuery"])) == []
    assert set(re.findall(r"(\w+)!=", rule["seriesQuery"])) == set(rule["resources"]["overrides"])


@needs_promtool
def test_the_adapters_query_gives_each_pod_its_mean_of_a_minute(tmp_path: Path) -> None:
    (rule,) = yaml.safe_load(ADAPTER.read_text())["rules"]
    query = rule["metricsQuery"].replace("<<.GroupBy>>", "pod").replace("<<.Series>>", rule["name"]["as"])
    query = query.replace("<<.LabelMatchers>>", 'namespace="scorer",pod=~"a|b"')
    values: dict[str, Any] = {"a": "4 2 6 4", "b": "8 8 8 8", "c": "1 1 1 1"}
    series = [
        {"series": f'{rule["name"]["as"]}{{namespace="scorer",pod="{pod}",instance="{pod}"}}', "values": those}
        for pod, those in values.items()
    ]
    expected = [{"labels": '{pod="a"}', "value": 4}, {"labels": '{pod="b"}', "value": 8}]
    test = {
        "interval": "20s",
        "input_series": series,
        "promql_expr_test": [{"expr": query, "eval_time": "60s", "exp_samples": expected}],
    }
    path = tmp_path / "test.yml"
    path.write_text(json.dumps({"tests": [test]}))
    promtool("test", "rules", path)


def test_the_documented_command_makes_a_rule_of_the_operator_of_the_alerts() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    (command,) = re.findall(r"^ +(\(printf .*?alerts\.yml\)) \| kubectl", page, re.MULTILINE | re.DOTALL)
    made = subprocess.run(["bash", "-c", command], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    rule = yaml.safe_load(made)
    assert rule["kind"] == "PrometheusRule"
    assert rule["spec"] == yaml.safe_load((ROOT / "deploy" / "monitoring" / "alerts.yml").read_text())
