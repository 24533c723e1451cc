"""The smallest service on the library: uvicorn --app-dir examples tiny_app:app --port 1313

Its answers have the bytes of `scorer serve`, but for numbers of 1e16 and more: orjson writes 1e+16.
"""

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

import scorer

model = scorer.load()


async def predict(request: Request) -> Response:
    """Scores one row, or an array of rows."""
    try:
        rows = orjson.loads(await request.body())
        scores = model.score(rows if isinstance(rows, list) else [rows])
    except orjson.JSONDecodeError as error:
        return PlainTextResponse(f"the body is not JSON: {error}\n", 400)
    except scorer.RowsError as error:
        return PlainTextResponse(f"{error}\n", 422)
    return Response(orjson.dumps(scores.to_rows()), media_type="application/json")


app = Starlette(routes=[Route("/predict", predict, methods=["POST"])])
