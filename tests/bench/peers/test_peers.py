"""The peers that start in a moment, and the kernel with ONNX Runtime, where their environment is installed."""

from __future__ import annotations

import json
import subprocess

import pytest

import scorer
from bench.kernel import make_batch, make_contenders
from bench.peers import check
from bench.peers.catalog import PEERS, PYTHON, ROOT, Peer
from tests.support.skips import NO_PEERS

pytestmark = [
    pytest.mark.skipif(not PYTHON.exists(), reason=NO_PEERS),
    pytest.mark.usefixtures("unmeasured"),
]


@pytest.mark.parametrize("peer", [peer for peer in PEERS if "FastAPI" in peer.name], ids=lambda peer: str(peer.key))
def test_a_peer_answers_as_the_library(peer: Peer, model: scorer.Scorer) -> None:
    phat, variable = check.check(peer, model, check.make_bodies(model))
    assert 0 < phat <= check.PHAT_TOLERANCE
    assert 0 <= variable <= check.VARIABLE_TOLERANCE


def test_the_kernel_is_timed_beside_onnx_runtime(model: scorer.Scorer) -> None:
    done = subprocess.run([PYTHON, "-m", "bench.kernel", "--quick"], cwd=ROOT, check=True, capture_output=True)
    timed = json.loads(done.stdout)["rows"]["10000"].keys()
    own = make_contenders(model, make_batch(model, 1_000)).keys()
    assert timed - own == {f"ONNX Runtime float{bits}{codes}" for bits in (32, 64) for codes in ("", ", codes")}
