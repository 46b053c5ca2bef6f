# The images of Jethook, from the lock: `make image`, or `docker build --target dispatcher .` (BuildKit).
#
# The base needs Python 3.11 or newer with its venv module, at the same path in every stage. An index other than pip's
# default comes in as a secret and stays in no layer: `--secret id=pip-conf,src=pip.conf --secret id=ca,src=ca.crt`.
ARG BASE_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_CONFIG_FILE=/run/secrets/pip-conf PIP_CACHE_DIR=/var/cache/pip
WORKDIR /build
COPY requirements/build.txt requirements/
RUN --mount=type=secret,id=pip-conf --mount=type=secret,id=ca --mount=type=cache,target=/var/cache/pip \
    python3 -m venv tools && tools/bin/pip install --quiet --require-hashes --requirement requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY contract contract
COPY processing processing
COPY operator operator
COPY dispatcher dispatcher
COPY gateway gateway
COPY storage storage
COPY cli cli
RUN tools/bin/pip wheel --quiet --no-deps --no-build-isolation --no-index --wheel-dir wheels .

# PART is the extra whose lock is installed; `jethook` and its command line are in each.
FROM build AS installed-dispatcher
ENV PART=dispatcher
COPY requirements/dispatcher.txt requirements/
COPY hack/image_install.sh hack/image_trim.py hack/image_sbom.py hack/
RUN --mount=type=secret,id=pip-conf --mount=type=secret,id=ca --mount=type=cache,target=/var/cache/pip \
    sh hack/image_install.sh

FROM build AS installed-operator
ENV PART=operator
COPY requirements/operator.txt requirements/
COPY hack/image_install.sh hack/image_trim.py hack/image_sbom.py hack/
RUN --mount=type=secret,id=pip-conf --mount=type=secret,id=ca --mount=type=cache,target=/var/cache/pip \
    sh hack/image_install.sh

FROM ${BASE_IMAGE} AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=""
# PYTHONSAFEPATH: nothing is imported from the working folder. The interpreter writes nothing: the root is read-only.
# HOME and USER name what /etc/passwd does not: any other number works as well as 65532.
ENV PATH=/opt/jethook/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONSAFEPATH=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    USER=jethook
LABEL org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.vendor="Jethook" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
WORKDIR /
USER 65532:65532
ENTRYPOINT ["/opt/jethook/bin/jethook"]

FROM runtime AS operator
LABEL org.opencontainers.image.title="jethook-operator" \
      org.opencontainers.image.description="The operator of Jethook: plans, consumers and pools from WebhookEndpoints and Subscriptions"
COPY --from=installed-operator /opt/jethook /opt/jethook
COPY --from=installed-operator /usr/share/jethook /usr/share/jethook
CMD ["operator", "--help"]

FROM runtime AS dispatcher
LABEL org.opencontainers.image.title="jethook-dispatcher" \
      org.opencontainers.image.description="The dispatcher of Jethook: delivers events to webhooks, signed, in order, with retries"
COPY --from=installed-dispatcher /opt/jethook /opt/jethook
COPY --from=installed-dispatcher /usr/share/jethook /usr/share/jethook
CMD ["dispatcher", "--help"]
