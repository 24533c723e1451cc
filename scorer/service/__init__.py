"""The scorer over HTTP: the only place that knows HTTP, msgspec, Starlette and uvicorn. Needs the extra `service`."""
