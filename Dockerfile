# Two images from one file:
#   web     answers requests and runs migrations: requirements-serving.txt, neither mlflow nor dvc
#   worker  the Celery workers, beat, the dispatcher and the pipeline: requirements.txt
#     docker build --target web --build-arg GIT_COMMIT="$(git rev-parse HEAD)" -t codesoft-web .
#
# Both run as user 10001 and write to /var/lib/codesoft and /tmp alone, so the root file system can be read-only. No
# compiler is needed: the locked packages come as wheels, or are plain Python.
#
# The web image needs no init process: gunicorn reaps its own workers. A worker's killed pipeline leaves grandchildren
# to PID 1, and Celery reaps only what it forked: start it with `--init` (compose.yaml: `init: true`) or with a shared
# process namespace (k8s/base/workers.yaml), where PID 1 reaps everything.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS base
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    CODESOFT_ENV=production \
    VAR_DIR=/var/lib/codesoft \
    HOME=/var/lib/codesoft \
    OMP_NUM_THREADS=1
# The bundles folder exists so that a volume mounted there belongs to the user as well.
RUN groupadd --system --gid 10001 codesoft \
 && useradd --system --uid 10001 --gid codesoft --home-dir /var/lib/codesoft --no-create-home --shell /usr/sbin/nologin codesoft \
 && install -d -o codesoft -g codesoft -m 750 /var/lib/codesoft /var/lib/codesoft/bundles
WORKDIR /srv/codesoft

FROM base AS web-packages
COPY requirements-serving.txt ./
RUN python3 -m venv /opt/venv \
 && pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-serving.txt

FROM base AS worker-packages
COPY requirements.txt ./
RUN python3 -m venv /opt/venv \
 && pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt

FROM base AS web
COPY --from=web-packages /opt/venv /opt/venv
COPY manage.py ./
COPY ml_pipeline ml_pipeline
COPY predictions predictions
COPY registry_ui registry_ui
COPY codesoft codesoft
# The key signs nothing here: collecting static files only needs settings that load.
RUN DJANGO_SECRET_KEY=collectstatic python manage.py collectstatic --noinput
ARG GIT_COMMIT=unknown
ENV GIT_COMMIT=${GIT_COMMIT}
LABEL org.opencontainers.image.title="Codesoft MLOps, web" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${GIT_COMMIT}"
USER 10001:10001
VOLUME /var/lib/codesoft
EXPOSE 8000 9400
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ.get('PORT', '8000')}/healthz\", timeout=4)"]
CMD ["gunicorn", "codesoft.wsgi:application", "-c", "codesoft/gunicorn.py"]

FROM base AS worker
COPY --from=worker-packages /opt/venv /opt/venv
COPY manage.py params.yaml dvc.yaml .dvcignore ./
COPY data data
COPY ml_pipeline ml_pipeline
COPY predictions predictions
COPY registry_ui registry_ui
COPY codesoft codesoft
ARG GIT_COMMIT=unknown
# mlflow looks for a git program, which is not here: the commit comes from the build.
ENV GIT_COMMIT=${GIT_COMMIT} \
    GIT_PYTHON_REFRESH=quiet
LABEL org.opencontainers.image.title="Codesoft MLOps, worker" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${GIT_COMMIT}"
USER 10001:10001
VOLUME /var/lib/codesoft
EXPOSE 9401
STOPSIGNAL SIGTERM
# No HEALTHCHECK: asking a worker costs a whole Python start, and a worker at its task answers late. Queued runs that
# nobody takes raise CodesoftRunWaiting instead.
CMD ["celery", "-A", "codesoft", "worker", "-Q", "runs", "-n", "runs@%h", "--concurrency", "1", "--prefetch-multiplier", "1"]
