"""Run a scorer in this process until it is told to stop, or fails."""

import uvloop
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.models.registry import ModelRegistry
from plaudit_schemas.service.logs import configure_logging
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_stream_processors.running.events_log import EventsLog, events_log
from plaudit_stream_processors.running.follower_run import FollowerProcess, WebAddress, run_follower
from plaudit_stream_processors.running.readiness import Readiness
from plaudit_stream_processors.scoring.app import Scorer, create_scorer, log
from plaudit_stream_processors.scoring.metrics import ScorerMetrics
from plaudit_stream_processors.scoring.settings import ScorerSettings
from plaudit_stream_processors.scoring.versions import OpenVersion


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
        PlauditError: a package is missing, no model can be chosen, or Kafka or Redis does not fit. While they
            do not answer, it waits.
    """
    configure_logging(log_level)
    metrics, readiness = ScorerMetrics(), Readiness()

    def find() -> tuple[str, EventsLog]:
        return settings.scorer_model or only_model(connection), events_log(connection)

    def make(found: tuple[str, EventsLog]) -> Scorer:
        scorer = create_scorer(
            connection, settings, open_version, *found, metrics=metrics, readiness=readiness
        )
        scorer.expects_cuda = expects_cuda
        return scorer

    address = WebAddress(settings.scorer_web_host, settings.scorer_web_port, "PLAUDIT_SCORER_WEB_PORT")
    process = FollowerProcess(
        log=log,
        metrics=metrics,
        readiness=readiness,
        find=find,
        make=make,
        stall_s=settings.scorer_stall_s,
        web=address if web else None,
    )
    return uvloop.run(run_follower(process, connection))


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
