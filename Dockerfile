# `make base` adds the digest of what the tag stands for, or renews it.
ARG BASE=python:3.13-slim-trixie
FROM $BASE AS build
# "--editable" leaves the code in /src, where compose.dev.yml mounts it.
ARG EDITABLE=""
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PATH=/opt/diundashboard/bin:$PATH
COPY requirements.lock requirements-build.lock ./
RUN python -m venv /opt/diundashboard \
 && pip install --require-hashes -r requirements.lock -r requirements-build.lock
COPY . .
RUN pip install --no-deps --no-build-isolation $EDITABLE . \
 && pip uninstall --yes setuptools


FROM $BASE
# /data is open to everyone, as /tmp is, so that a new volume suits whatever `--user` the container runs as.
RUN useradd --uid 1000 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin diundashboard \
 && install --directory --mode=1777 --owner=1000 --group=1000 /data
COPY --from=build /opt/diundashboard /opt/diundashboard

ENV PATH=/opt/diundashboard/bin:$PATH \
    HOST=0.0.0.0 \
    PORT=8080 \
    DB_PATH=/data/diun.db
# A number, because Kubernetes cannot tell whether a name is root's.
USER 1000:1000
VOLUME /data
# SQLite puts its temporary files here if there is no /tmp to write to, and PostgreSQL's spool is here.
WORKDIR /data
EXPOSE 8080

# Not urllib: it would ask the proxy that Docker may hand to its containers.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "-c", "\
import http.client, os, sys; \
dashboard = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('PORT') or 8080), timeout=4); \
dashboard.request('GET', '/healthz'); \
sys.exit(dashboard.getresponse().status != 200)"]

ENTRYPOINT ["diundashboard"]
CMD ["serve"]
