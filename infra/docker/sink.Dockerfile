# syntax=docker/dockerfile:1
# The sink, and the commands that read what it wrote.
# Build it in the root of the repository: docker build -f infra/docker/sink.Dockerfile -t plaudit-sink .
FROM python:3.12-slim AS build
RUN pip install --no-cache-dir uv==0.13.8
WORKDIR /src
COPY . .
RUN infra/docker/install.sh /opt/plaudit plaudit-consumers

FROM python:3.12-slim
RUN useradd --system --uid 10001 --no-create-home plaudit && install -d -o plaudit /data
COPY --from=build /opt/plaudit /opt/plaudit
ENV PATH=/opt/plaudit/bin:$PATH PYTHONUNBUFFERED=1 PLAUDIT_SINK_WEB_HOST=0.0.0.0
USER 10001
EXPOSE 6067
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:6067/health/live', timeout=2)"]
ENTRYPOINT ["plaudit"]
CMD ["sink"]
