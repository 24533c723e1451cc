"""The Kubernetes manifests as the API server would get them: rendered by kubectl, which needs no cluster for it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import yaml

from tests.support.paths import ROOT
from tests.support.skips import MISSING, find

KUBERNETES = ROOT / "deploy" / "kubernetes"


def kubectl() -> str | None:
    """Where it is, if it is new enough: before 1.21 its kustomize knows no components."""
    found = find("kubectl")
    if found:
        told = subprocess.run([found, "version", "--client", "--output=json"], capture_output=True, check=True).stdout
        version = json.loads(told)["clientVersion"]
        if (int(version["major"]), int(version["minor"].rstrip("+"))) < OLDEST:
            return None
    return found


OLDEST = (1, 21)
KUBECTL = kubectl()
needs_kubectl = pytest.mark.skipif(not KUBECTL, reason=MISSING["kubectl"])


@dataclass(frozen=True)
class Manifests:
    """The resources of a kustomization."""

    resources: list[dict[str, Any]]

    def all(self, kind: str) -> list[dict[str, Any]]:
        """The resources of a kind."""
        return [resource for resource in self.resources if resource["kind"] == kind]

    def one(self, kind: str) -> Any:
        """The only resource of a kind."""
        (found,) = self.all(kind)
        return found

    @property
    def pod(self) -> Any:
        """What the Deployment makes pods of."""
        return self.one("Deployment")["spec"]["template"]

    @property
    def container(self) -> Any:
        """The pod's only container."""
        (found,) = self.pod["spec"]["containers"]
        return found

    @property
    def settings(self) -> dict[str, str]:
        """The SCORER_* variables of the container."""
        data: dict[str, str] = self.one("ConfigMap")["data"]
        return data


@cache
def render(directory: str) -> Manifests:
    """What `kubectl apply --kustomize` would apply, of a directory below deploy/kubernetes."""
    assert KUBECTL
    command = [KUBECTL, "kustomize", str(KUBERNETES / directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Manifests(list(yaml.safe_load_all(done.stdout)))
