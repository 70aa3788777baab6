# The worker's image: the tidegate wheel and its pinned dependencies, then the workflows and activities beside it.

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY tidegate ./tidegate
RUN pip install -c constraints.txt hatchling \
 && pip wheel --no-build-isolation -c constraints.txt -w /wheels . \
 && python -m venv /opt/tidegate \
 && /opt/tidegate/bin/pip install --no-index --find-links /wheels tidegate

FROM python:3.11-slim-bookworm
RUN apt-get update \
 && apt-get install -y --no-install-recommends git openssh-client \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home --shell /usr/sbin/nologin tidegate \
 && install -d -o tidegate -g tidegate /var/cache/tidegate
COPY --from=build /opt/tidegate /opt/tidegate
WORKDIR /app
COPY worker.py starter.py ./
COPY workflows ./workflows
COPY activities ./activities
ENV PATH=/opt/tidegate/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TIDEGATE_GIT__CACHE=/var/cache/tidegate \
    TIDEGATE_WORKER__HEALTH_ADDRESS=0.0.0.0:8081 \
    TIDEGATE_WORKER__METRICS_ADDRESS=0.0.0.0:9464
USER 10001
EXPOSE 8081 9464
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8081/healthz', timeout=2)"]
ENTRYPOINT ["python", "worker.py"]
