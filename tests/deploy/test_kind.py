"""A cluster of kind gets the production overlay but for what a single machine lacks. kind itself is not run here."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scorer.service import keys
from tests.support.manifests import Manifests, needs_kubectl, render
from tests.support.paths import ROOT
from tests.support.servers import free_port, running
from tests.support.skips import needs
from tests.support.smoke import smoke

KIND = ROOT / "deploy" / "kind"
UP = KIND / "up.sh"
CLUSTER = yaml.safe_load((KIND / "cluster.yaml").read_text())
CONTROLLER = yaml.safe_load((KIND / "controller" / "kustomization.yaml").read_text())


@pytest.fixture
def manifests() -> Manifests:
    return render("overlays/kind")


def variable(name: str) -> str:
    """A variable of the script."""
    (value,) = re.findall(rf"^{name}=(\S+)$", UP.read_text(), re.MULTILINE)
    return str(value)


@needs_kubectl
def test_what_is_applied_is_production_but_for_image_model_and_room(manifests: Manifests) -> None:
    production = render("overlays/production")
    expected = copy.deepcopy([each for each in production.resources if each["kind"] != "ServiceMonitor"])
    (container,) = Manifests(expected).pod["spec"]["containers"]
    container["image"] = f"{variable('image')}:latest"
    container["imagePullPolicy"] = "Never"
    container["resources"]["requests"]["cpu"] = "100m"
    Manifests(expected).settings["SCORER_MODEL"] = ""
    hashed = (production.one("ConfigMap")["metadata"]["name"], manifests.one("ConfigMap")["metadata"]["name"])
    assert yaml.safe_load(yaml.safe_dump(expected).replace(*hashed)) == manifests.resources


@needs_kubectl
@needs("curl")
def test_a_pod_with_these_settings_is_ok(manifests: Manifests, tmp_path: Path) -> None:
    key, file = keys.new_key(), tmp_path / "api-keys"
    file.write_text(keys.file_line("smoke", key) + "\n")
    replaced = {
        "SCORER_ADMIN_PORT": str(free_port()),
        "SCORER_API_KEYS_FILE": str(file),
        "SCORER_CACHE_DIR": str(tmp_path / "cache"),
        "SCORER_DRAIN_SECONDS": "0",
    }
    with running(environment={**manifests.settings, **replaced}) as server:
        run = smoke(f"http://127.0.0.1:{server.port}", "--wait", "60", key=key)
    assert (run.code, run.failed) == (0, [])


def test_the_clusters_port_leads_to_the_controllers() -> None:
    assert (CLUSTER["kind"], CLUSTER["apiVersion"]) == ("Cluster", "kind.x-k8s.io/v1alpha4")
    assert CLUSTER["name"] == variable("cluster")
    (mapping,) = [each for node in CLUSTER["nodes"] for each in node.get("extraPortMappings", [])]
    (patch,) = [patch["patch"] for patch in CONTROLLER["patches"] if patch["target"]["kind"] == "Service"]
    (port,) = [change["value"] for change in yaml.safe_load(patch) if change["path"].endswith("/nodePort")]
    assert mapping == {
        "listenAddress": "127.0.0.1",
        "hostPort": int(variable("port")),
        "containerPort": port,
        "protocol": "TCP",
    }
    assert 30_000 <= port <= 32_767, "what Kubernetes gives nodes"


@needs_kubectl
def test_nodes_differ_in_what_pods_are_spread_over(manifests: Manifests) -> None:
    (zone,) = [
        each["topologyKey"]
        for each in manifests.pod["spec"]["topologySpreadConstraints"]
        if each["topologyKey"] != "kubernetes.io/hostname"
    ]
    zones = [node["labels"][zone] for node in CLUSTER["nodes"] if node["role"] == "worker"]
    assert len(set(zones)) == len(zones) == manifests.one("HorizontalPodAutoscaler")["spec"]["minReplicas"]


def test_the_controller_is_pinned_to_one_commit() -> None:
    pattern = r"https://raw\.githubusercontent\.com/nginx/kubernetes-ingress/([0-9a-f]{40})/deployments/\S+\.yaml"
    commits = [re.fullmatch(pattern, resource) for resource in CONTROLLER["resources"]]
    assert len({commit and commit[1] for commit in commits}) == 1
    assert commits[0]


@needs_kubectl
def test_the_script_makes_what_the_manifests_name(manifests: Manifests) -> None:
    script = UP.read_text()
    ingress = manifests.one("Ingress")["spec"]
    assert variable("host") == ingress["rules"][0]["host"]
    secrets = {each["secret"]["secretName"] for each in manifests.pod["spec"]["volumes"] if "secret" in each}
    secrets |= {tls["secretName"] for tls in ingress["tls"]}
    assert set(re.findall(r" create secret (?:generic|tls) (\S+) ", script)) == secrets
    for path in re.findall(r"\bdeploy/[\w./-]*\w", script):
        assert (ROOT / path).exists(), path


def test_the_key_that_the_script_reads_is_the_one_of_the_line() -> None:
    """As the script reads it: the line first, the key as the last word."""
    told = subprocess.run([sys.executable, "-m", "scorer", "key", "smoke"], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[0] == keys.file_line("smoke", told.stdout.split()[-1])


def run(*arguments: str, path: str | None = None) -> tuple[int, str, str]:
    """Runs the script, with the programs of a directory alone: exit code, output, errors."""
    environment = None if path is None else {"PATH": path}
    done = subprocess.run([UP, *arguments], env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_a_program_that_is_missing(tmp_path: Path) -> None:
    for program in ("bash", "dirname"):
        (tmp_path / program).symlink_to(str(shutil.which(program)))
    assert run(path=str(tmp_path)) == (1, "", "up.sh: docker is not installed\n")


def test_a_wrong_option_is_told_with_the_usage() -> None:
    code, usage, _ = run("--help")
    assert code == 0
    assert run("--down") == (2, "", f"up.sh: no such option: --down\n{usage}")
