# Two stages: the first installs the package and its service extra into a virtual environment, the second carries that
# environment and nothing else. No compiler, no pip and no training library is in the image.
FROM python:3.11-slim AS build
WORKDIR /build
RUN python -m venv --without-pip /opt/scorer
COPY pyproject.toml README.md ./
COPY scorer scorer
COPY coefficients coefficients
# service,store for an image that reads object stores and checks signatures
ARG EXTRAS=service
RUN python -m pip --python /opt/scorer/bin/python install --no-cache-dir --disable-pip-version-check ".[$EXTRAS]"

FROM python:3.11-slim
COPY --from=build /opt/scorer /opt/scorer
# Outside the image the default is 127.0.0.1; inside it only the container's own network can be meant.
ENV SCORER_HOST=0.0.0.0 SCORER_PORT=1313 SCORER_LOG_FORMAT=json PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 1313
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["/opt/scorer/bin/python", "-c", \
    "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"SCORER_PORT\"]}/readyz', timeout=2)"]
ENTRYPOINT ["/opt/scorer/bin/python", "-m", "scorer"]
CMD ["serve"]
