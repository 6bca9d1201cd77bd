"""Health and metrics of a worker over HTTP."""

import contextlib
from collections.abc import AsyncIterator

from aiohttp import web
from plaudit_schemas.errors import SettingsError
from prometheus_client import generate_latest

from plaudit_stream_processors.worker.app import Worker
from plaudit_stream_processors.worker.settings import WorkerSettings


def unready(worker: Worker) -> str | None:
    """Why the worker is not ready; None when it is."""
    if worker.failure is not None or worker.app.crashed:
        return f"failed: {worker.failure or worker.app.crash_reason}"
    consumer = worker.app.consumer
    if not worker.pipeline.partitions and not worker.app.unassigned:
        return "no partition was assigned yet"
    worker.telemetry.lags(worker.lag())
    return worker.telemetry.unready(
        rebalancing=bool(worker.app.rebalancing), waits_since=consumer.waits_since(), away=worker.outlet.away
    )


@contextlib.asynccontextmanager
async def serve(worker: Worker, settings: WorkerSettings) -> AsyncIterator[str]:
    """Serve `/health/live`, `/health/ready` and `/metrics`; gives the address.

    Raises:
        SettingsError: host and port are not to be had.
    """

    async def live(_request: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def ready(_request: web.Request) -> web.Response:
        reason = unready(worker)
        body = {"status": "ready" if reason is None else "not ready", "reason": reason}
        return web.json_response(body, status=200 if reason is None else 503)

    async def metrics(_request: web.Request) -> web.Response:
        worker.telemetry.gauge("plaudit_ready").set(unready(worker) is None)
        worker.telemetry.gauge("plaudit_folded_labels").set(worker.pipeline.folded_labels)
        return web.Response(body=generate_latest(worker.telemetry.registry), content_type="text/plain")

    application = web.Application()
    application.add_routes(
        [web.get("/health/live", live), web.get("/health/ready", ready), web.get("/metrics", metrics)]
    )
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, settings.web_host, settings.web_port)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise SettingsError(
            f"PLAUDIT_WEB_PORT: {settings.web_host}:{settings.web_port} cannot be served ({error.strerror}); "
            "give each worker of a host a port of its own, or 0 for a free one"
        ) from None
    try:
        yield f"http://{settings.web_host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
