# Two stages. The first installs what is pinned for the service, with its hashes, and compiles it to bytecode; the second
# carries that and the package. There is no compiler, no pip and no training library in the image, and nothing needs a shell.
ARG PYTHON_IMAGE=python:3.11-slim
# What the image runs on, where that is to be another one with the same Python, such as one without a shell.
ARG BASE_IMAGE=$PYTHON_IMAGE

FROM $PYTHON_IMAGE AS build
WORKDIR /opt
# service-store for an image that reads object stores and checks signatures, service-arrow for one that reads Arrow streams
ARG EXTRAS=service
COPY deploy/image/requirements-$EXTRAS.txt requirements.txt
RUN python3 -m pip install --no-cache-dir --disable-pip-version-check --root-user-action ignore --no-compile \
    --require-hashes --only-binary :all: --target packages --requirement requirements.txt
# Tests, sources and stubs are of no use to what runs. Bytecode that does not look at its source's time stays valid
# wherever it is copied to. One time for all files: two builds of the same pins give the same files.
ARG SOURCE_DATE_EPOCH=0
RUN find packages -depth \( -type d \( -name tests -o -path '*/numpy/f2py' -o -path '*/numpy/distutils' \) \
    -o -type f \( -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.[cha]' \) \) -exec rm -r {} + && \
    rm -r packages/bin && \
    python3 -m compileall -q --invalidation-mode unchecked-hash packages && \
    find packages -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
COPY scorer app/scorer
COPY coefficients app/scorer/shipped
COPY deploy/image/finish.py deploy/image/healthcheck.py app/
RUN python3 -m compileall -q --invalidation-mode unchecked-hash app && \
    find app -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +

FROM $BASE_IMAGE
COPY --from=build /opt/packages /opt/packages
COPY --from=build /opt/app /opt/app
RUN ["python3", "-I", "/opt/app/finish.py"]
# Outside the image the default is 127.0.0.1; inside it only the container's own network can be meant.
ENV PYTHONPATH=/opt/app:/opt/packages PYTHONUNBUFFERED=1 \
    SCORER_HOST=0.0.0.0 SCORER_PORT=1313 SCORER_LOG_FORMAT=json
USER 10001:10001
EXPOSE 1313
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["python3", "-I", "-S", "/opt/app/healthcheck.py"]
ENTRYPOINT ["python3", "-m", "scorer"]
CMD ["serve"]
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="coefficient-scorer" \
    org.opencontainers.image.description="Scores rows with an approved logistic GLM that is one JSON file" \
    org.opencontainers.image.version=$VERSION \
    org.opencontainers.image.revision=$REVISION
