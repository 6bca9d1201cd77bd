"""Run a scorer in this process until it is told to stop, or fails."""

import asyncio
import contextlib
import logging

import uvloop
from plaudit_schemas.errors import ServiceUnavailableError, SettingsError
from plaudit_schemas.models.registry import ModelRegistry
from plaudit_schemas.service.health import Health, serve
from plaudit_schemas.service.logs import configure_logging
from plaudit_schemas.service.recorded_line import read_recorded
from plaudit_schemas.service.redis import AWAY
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics.problems import find_changes

from plaudit_stream_processors.running.process import end, stop_at_signals, wait_for_end
from plaudit_stream_processors.running.watchdog import Watchdog
from plaudit_stream_processors.scoring.app import Scorer, create_scorer
from plaudit_stream_processors.scoring.settings import ScorerSettings
from plaudit_stream_processors.scoring.topic_identity import events_log
from plaudit_stream_processors.scoring.versions import OpenVersion
from plaudit_stream_processors.state.identity import ForeignStateError

log = logging.getLogger("plaudit.scorer")


def run_scorer(
    connection: ConnectionSettings,
    settings: ScorerSettings,
    open_version: OpenVersion,
    *,
    expects_cuda: bool,
    web: bool,
    log_level: str,
) -> int:
    """Run a scorer until SIGTERM or SIGINT (returns 0) or a failure (returns 1).

    Args:
        expects_cuda: ONNX Runtime for CUDA is installed, so that models on the CPU are not what is wanted.

    Raises:
        PlauditError: a package is missing, no model can be chosen, or Kafka or Redis does not fit.
    """
    configure_logging(log_level)
    model = settings.scorer_model or only_model(connection)
    scorer = create_scorer(connection, settings, open_version, model, events_log(connection))
    scorer.expects_cuda = expects_cuda
    return uvloop.run(_run(scorer, connection, settings, web=web))


def only_model(connection: ConnectionSettings) -> str:
    """The name of the one model that is published.

    Raises:
        SettingsError: there is none, or more than one.
    """
    with ModelRegistry(connection) as registry:
        last = {each.name: each.action for each in registry.publications()}
    names = sorted(name for name, action in last.items() if action != "withdraw")
    if len(names) == 1:
        return names[0]
    if not names:
        raise SettingsError(
            "no model is published: run `plaudit models publish FOLDER`, or name the model that will be "
            "published with --model"
        )
    raise SettingsError(f"choose one of the published models with --model: {', '.join(names)}")


async def _run(scorer: Scorer, connection: ConnectionSettings, settings: ScorerSettings, *, web: bool) -> int:
    stop, loop = stop_at_signals(), asyncio.get_running_loop()
    with contextlib.ExitStack() as stack:
        await _refuse_foreign_state(scorer, connection)
        await scorer.versions.look()
        if web:
            health = Health(
                scorer.metrics.registry,
                unready=scorer.unready,
                degraded=scorer.degraded,
                before_metrics=scorer.update_metrics,
            )
            served = serve(
                health, settings.scorer_web_host, settings.scorer_web_port, "PLAUDIT_SCORER_WEB_PORT", loop
            )
            log.info("health and metrics on %s", stack.enter_context(served))
        await scorer.app.start()
        log.info("started, with the model %s", scorer.follower.name)
        await wait_for_end(stop, scorer, Watchdog(settings.scorer_stall_s))
        await end(scorer)
        with contextlib.suppress(Exception):
            await scorer.close()
    if scorer.ended_by is not None:
        log.error("ended: %s", scorer.ended_by)
        return 1
    log.info("stopped")
    return 0


async def _refuse_foreign_state(scorer: Scorer, connection: ConnectionSettings) -> None:
    """Refuse a state in Redis that was made from another topic: its positions mean nothing here.

    Raises:
        ForeignStateError: it was.
        ServiceUnavailableError: Redis does not answer.
    """
    prefix = connection.topic_prefix
    try:
        recorded = await read_recorded(scorer.client, connection.redis_prefix, prefix)
    except AWAY as error:
        raise ServiceUnavailableError(f"Redis does not answer ({error}); check PLAUDIT_REDIS_URL") from None
    changes = find_changes({scorer.began.name: scorer.began.described}, prefix, recorded)
    if changes:
        raise ForeignStateError(". ".join(map(str, changes)))
