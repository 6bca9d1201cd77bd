# syntax=docker/dockerfile:1
# The operators' commands: audit, top, conversation, dead-letters, keys, datasets, topics, replay, config.
# Build it in the root of the repository: docker build -f infra/docker/tools.Dockerfile -t plaudit-tools .
FROM python:3.12-slim AS build
RUN pip install --no-cache-dir uv==0.13.8
WORKDIR /src
COPY . .
RUN infra/docker/install.sh /opt/plaudit plaudit-producers:gateway plaudit-stream-processors:score plaudit-consumers

FROM python:3.12-slim
RUN useradd --system --uid 10001 --no-create-home plaudit && install -d -o plaudit /data /models
COPY --from=build /opt/plaudit /opt/plaudit
ENV PATH=/opt/plaudit/bin:$PATH PYTHONUNBUFFERED=1 PLAUDIT_MODEL_CACHE=/tmp/models
USER 10001
ENTRYPOINT ["plaudit"]
CMD ["config"]
