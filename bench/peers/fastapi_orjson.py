"""Peer c: FastAPI tuned by hand. orjson reads the raw body, numpy gets the ten columns it needs, answers are bytes."""

import os

import orjson
import uvicorn
from fastapi import FastAPI, Request, Response

from bench.peers import arithmetic

MODEL = arithmetic.load()

app = FastAPI()


@app.post("/predict")
async def predict(request: Request) -> Response:
    body = orjson.loads(await request.body())
    rows = body if isinstance(body, list) else [body]
    return Response(orjson.dumps(MODEL.score_rows(rows)), media_type="application/json")


@app.get("/readyz")
async def readyz() -> Response:
    return Response(b'{"status":"ready"}', media_type="application/json")


if __name__ == "__main__":
    port = int(os.environ["PEER_PORT"])
    uvicorn.run(
        app, host="127.0.0.1", port=port, loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )
