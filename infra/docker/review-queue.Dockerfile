# syntax=docker/dockerfile:1
# The process that keeps the queues of people's review.
# Build it in the root of the repository: docker build -f infra/docker/review-queue.Dockerfile -t plaudit-review-queue .
FROM python:3.12-slim AS build
RUN pip install --no-cache-dir uv==0.13.8
WORKDIR /src
COPY . .
RUN infra/docker/install.sh /opt/plaudit plaudit-stream-processors

FROM python:3.12-slim
RUN useradd --system --uid 10001 --no-create-home plaudit
COPY --from=build /opt/plaudit /opt/plaudit
ENV PATH=/opt/plaudit/bin:$PATH PYTHONUNBUFFERED=1 PLAUDIT_REVIEW_QUEUE_WEB_HOST=0.0.0.0
USER 10001
EXPOSE 6069
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:6069/health/live', timeout=2)"]
ENTRYPOINT ["plaudit"]
CMD ["review-queue"]
