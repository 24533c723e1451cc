"""The Ingress: TLS for the host whose callers it routes, to the paths and with the limits of the committed nginx."""

from __future__ import annotations

import re
from typing import Any

import pytest

import scorer
from scorer.service.app import ADMIN_PATHS, create_app
from scorer.service.holder import Holder
from scorer.service.settings import Settings
from tests.support.manifests import KUBERNETES, Manifests, needs_kubectl, render
from tests.support.paths import ROOT

pytestmark = needs_kubectl

INGRESS = KUBERNETES / "components" / "ingress" / "ingress.yaml"
NGINX = "".join((ROOT / "deploy" / "proxy" / name).read_text() for name in ("nginx.conf", "upstream.conf"))
PAGE = (ROOT / "docs" / "operations.md").read_text()


@pytest.fixture(params=["overlays/production", "overlays/kind"])
def manifests(request: pytest.FixtureRequest) -> Manifests:
    return render(request.param)


def paths(ingress: Any) -> list[dict[str, Any]]:
    """What the only rule routes."""
    (rule,) = ingress["spec"]["rules"]
    found: list[dict[str, Any]] = rule["http"]["paths"]
    return found


def test_the_host_has_a_certificate(manifests: Manifests) -> None:
    spec = manifests.one("Ingress")["spec"]
    (tls,) = spec["tls"]
    assert tls["hosts"] == [rule["host"] for rule in spec["rules"]]
    command = f"kubectl --namespace scorer create secret tls {tls['secretName']} --cert tls.crt --key tls.key"
    assert f"# {command}\n" in INGRESS.read_text()
    assert f"    {command}\n" in PAGE
    assert manifests.one("Ingress")["metadata"]["namespace"] == "scorer"


def test_callers_reach_their_paths_and_no_others(manifests: Manifests, model: scorer.Scorer) -> None:
    routed = paths(manifests.one("Ingress"))
    assert {path["pathType"] for path in routed} == {"Exact"}
    names = [path["path"] for path in routed]
    assert set(names) == create_app(Holder(model)).paths - ADMIN_PATHS
    assert names == re.findall(r"location = (/\S+) ", NGINX)


def test_it_routes_to_the_callers_service(manifests: Manifests) -> None:
    (service,) = [each for each in manifests.all("Service") if each["metadata"]["name"] == "scorer"]
    (port,) = service["spec"]["ports"]
    for path in paths(manifests.one("Ingress")):
        assert path["backend"] == {"service": {"name": "scorer", "port": {"name": port["name"]}}}


def test_its_limits_are_those_of_the_committed_proxy(manifests: Manifests) -> None:
    annotations: dict[str, str] = dict(manifests.one("Ingress")["metadata"]["annotations"])
    servers = {"max-fails": r"max_fails=(\d+)", "lb-method": r"\b(least_conn);"}
    for name, value in annotations.items():
        assert name.startswith("nginx.org/")
        directive = name.removeprefix("nginx.org/")
        pattern = servers.get(directive, rf"^ +{directive.replace('-', '_')} ([^;]+);")
        assert set(re.findall(pattern, NGINX, re.MULTILINE)) == {value}, name
    largest = Settings.from_environment(manifests.settings).max_body_bytes
    assert annotations["nginx.org/client-max-body-size"] == f"{largest // 1024**2}m"


def test_pods_let_in_the_controllers_namespace(manifests: Manifests) -> None:
    rules = manifests.one("NetworkPolicy")["spec"]["ingress"]
    (rule,) = [rule for rule in rules if rule["ports"] == [{"port": "http", "protocol": "TCP"}]]
    (source,) = rule["from"]
    namespace = source["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
    up = (ROOT / "deploy" / "kind" / "up.sh").read_text()
    assert f"--namespace {namespace} rollout status deployment/nginx-ingress " in up
    assert f"(`{namespace}`)" in PAGE
