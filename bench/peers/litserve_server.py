"""Peer e: a LitServe server: one process takes requests, another, the one inference worker, answers them.

LitServe recommends fast_queue for high rates. Version 0.2.19 accepts the setting but ignores it and uses
multiprocessing's queues (LitServe's issue 751), so these are measured.
"""

import os

import litserve

from bench.peers import arithmetic


class Predictor(litserve.LitAPI):
    def setup(self, device: str) -> None:  # noqa: ARG002
        self.model = arithmetic.load()

    def decode_request(self, request):  # type: ignore[no-untyped-def]  # LitServe acts on a type: without one it takes any JSON
        return request if isinstance(request, list) else [request]

    def predict(self, rows: list[dict[str, object]]) -> list[arithmetic.Answer]:
        return self.model.score_rows(rows)

    def encode_response(self, output: list[arithmetic.Answer]) -> list[dict[str, int | float]]:
        return output


if __name__ == "__main__":
    server = litserve.LitServer(
        Predictor(), accelerator="cpu", workers_per_device=1, fast_queue=True, healthcheck_path="/readyz"
    )
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PEER_PORT"]),
        num_api_servers=1,
        log_level="warning",
        generate_client_file=False,
        access_log=False,
    )
