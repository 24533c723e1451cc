"""Peer b: FastAPI as in its tutorial. Pydantic checks all 100 cells of each row, and the answer too."""

import json
import os
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, create_model

from bench.peers import arithmetic

DOCUMENT = json.loads(Path(os.environ["PEER_MODEL"]).read_text(encoding="utf-8"))
MODEL = arithmetic.Model(DOCUMENT)

# Created from names; the classes are the same as with 100 and 27 fields written out.
KINDS = {declared["name"]: declared["kind"] for declared in DOCUMENT["inputs"]}
CELLS = {name: (str | None if kind == "category" else float | str | None, None) for name, kind in KINDS.items()}
VALUES = {term["variable"]: int if KINDS[term["input"]] == "category" else float for term in DOCUMENT["terms"]}
VALUES |= {DOCUMENT["outcome"]["name"]: int, DOCUMENT["outcome"]["probability"]: float}
Row: type[BaseModel] = create_model("Row", **CELLS)  # type: ignore[call-overload]
Answer: type[BaseModel] = create_model("Answer", **{name: (VALUES[name], ...) for name in sorted(VALUES)})  # type: ignore[call-overload]

app = FastAPI()


@app.post("/predict", response_model=list[Answer])  # type: ignore[valid-type]
async def predict(body: Row | list[Row]) -> list[arithmetic.Answer]:  # type: ignore[valid-type]
    rows = [body] if isinstance(body, BaseModel) else body
    return MODEL.score([[getattr(row, name) for row in rows] for name in MODEL.inputs])


@app.get("/readyz")
async def readyz() -> dict[str, str]:
    return {"status": "ready"}


if __name__ == "__main__":
    port = int(os.environ["PEER_PORT"])
    uvicorn.run(
        app, host="127.0.0.1", port=port, loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )
