# The image: the service and one model folder on a slim Python, as a user without rights. `make build` calls this:
#   docker buildx build --build-context model=build/train/model --tag flights .
# Every file's time is fixed, so the layers depend on contents alone: what did not change is not pushed again.

# A mirror or another Python: --build-arg PYTHON_IMAGE=…; it must have `python` with the venv module on its PATH.
# The image itself stands in a FROM line of its own, because Dependabot reads no others.
ARG PYTHON_IMAGE=pinned
FROM python:3.13-slim-trixie@sha256:9d2e5553305c7c7b0097999bb17187c69b921ccd6bc9d40e4bb5ebe652c00285 AS pinned

# An empty place that --build-context model=… fills. Without it the build ends at the first COPY from here.
FROM scratch AS model


FROM ${PYTHON_IMAGE} AS files
ENV PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CACHE_DIR=/pip-cache
# s3: with what brings the request log to object storage (docs/scale.md).
ARG REQUIREMENTS=service
COPY requirements/${REQUIREMENTS}.txt /requirements.txt
RUN --mount=type=cache,target=/pip-cache \
    python -m venv /pip \
    && /pip/bin/pip install --quiet --no-compile --require-hashes --target /dependencies --requirement /requirements.txt
# What serving never imports: tests, headers, ONNX Runtime's tools and its second copy for C++, and whole distributions
# that are only for other uses of the rest. tests/containers/test_image.py proves that nothing else is missing.
WORKDIR /dependencies
RUN rm -r bin flatbuffers* packaging* h11* numpy/f2py onnxruntime/capi/libonnxruntime.so.* \
        onnxruntime/backend onnxruntime/datasets onnxruntime/quantization onnxruntime/tools onnxruntime/transformers \
    && find . -name tests -type d -prune -exec rm -r {} + \
    && find . -type f \( -name '*.pyi' -o -name '*.pxd' -o -name '*.pyx' -o -name '*.[cha]' \) -delete \
    && chmod -R u=rwX,go=rX . \
    && find . -exec touch --no-dereference --date=@315532800 {} +
WORKDIR /app
COPY contracts contracts
COPY scoring scoring
COPY service service
# Bytecode of exactly what serving imports, the standard library's too: a read-only container could not keep its own.
# A fixed hash seed makes it the same each time.
RUN chmod -R a-x,u=rwX,go=rX . && find . -exec touch --date=@315532800 {} + \
    && PYTHONDONTWRITEBYTECODE='' PYTHONHASHSEED=0 PYTHONPATH=/app:/dependencies PYTHONPYCACHEPREFIX=/app/.pycache \
        ORT_DISABLE_TELEMETRY=1 python -c 'import service.__main__, service.http.tracing, uvloop, uvicorn.protocols.http.httptools_impl' \
    && find . -exec touch --date=@315532800 {} +
COPY --from=model --chmod=644 model.onnx model.json reference.parquet golden.json /model/
RUN mkdir --parents /mounts/requests && chmod 1777 /mounts/requests && touch --date=@315532800 /mounts/requests /model /model/*


FROM ${PYTHON_IMAGE} AS service
# ORT_DISABLE_TELEMETRY: ONNX Runtime's wheels for Linux report their use to Microsoft otherwise.
# Nothing is deleted from the base, pip neither: the mark of a deletion carries the time of the build into its layer.
ENV MODEL_DIR=/model REQUEST_LOG_DIR=/requests HOST=0.0.0.0 PORT=8000 ORT_DISABLE_TELEMETRY=1 \
    PYTHONPATH=/app:/dependencies PYTHONPYCACHEPREFIX=/app/.pycache PYTHONDONTWRITEBYTECODE=1
COPY --from=files /dependencies /dependencies
COPY --from=files /app /app
# A tmpfs or a fresh volume takes over the mode of the folder that it is mounted on.
COPY --from=files /mounts /
COPY --from=files /model /model
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --start-interval=1s CMD ["python", "-S", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=2); c.request('GET', '/readyz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["python", "-m", "service"]
# Last, because these change with every commit: nothing above is built again for them.
ARG PYTHON_IMAGE NAME="" CREATED="" MODEL_DIGEST="" DATA_DIGEST="" METRIC="" METRIC_VALUE="" REVISION=""
LABEL org.opencontainers.image.title="${NAME}" org.opencontainers.image.base.name="${PYTHON_IMAGE}" \
      gatehouse.model="${MODEL_DIGEST}" gatehouse.data="${DATA_DIGEST}" \
      gatehouse.metric="${METRIC}" gatehouse.metric.value="${METRIC_VALUE}"
LABEL org.opencontainers.image.created="${CREATED}" org.opencontainers.image.revision="${REVISION}"
