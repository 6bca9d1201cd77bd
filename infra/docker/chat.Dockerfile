# syntax=docker/dockerfile:1
# The chat page. To go on with conversations after a restart it needs plaudit-stream-processors, too.
# Build it in the root of the repository: docker build -f infra/docker/chat.Dockerfile -t plaudit-chat .
FROM python:3.12-slim AS build
RUN pip install --no-cache-dir uv==0.13.8
WORKDIR /src
COPY . .
RUN infra/docker/install.sh /opt/plaudit plaudit-producers:chat plaudit-stream-processors

FROM python:3.12-slim
RUN useradd --system --uid 10001 --no-create-home plaudit && install -d -o plaudit /data
COPY --from=build /opt/plaudit /opt/plaudit
ENV PATH=/opt/plaudit/bin:$PATH PYTHONUNBUFFERED=1 PLAUDIT_CHAT_HOST=0.0.0.0
USER 10001
EXPOSE 7860
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/health/live', timeout=2)"]
ENTRYPOINT ["plaudit"]
CMD ["chat"]
