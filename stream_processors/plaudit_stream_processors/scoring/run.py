"""Run a scorer in this process until it is told to stop, or fails."""

import uvloop
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.models.registry import ModelRegistry
from plaudit_schemas.service.logs import configure_logging
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_stream_processors.running.events_log import events_log
from plaudit_stream_processors.running.follower_run import WebAddress, run_follower
from plaudit_stream_processors.scoring.app import create_scorer
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
        PlauditError: a package is missing, no model can be chosen, or Kafka or Redis does not fit.
    """
    configure_logging(log_level)
    model = settings.scorer_model or only_model(connection)
    scorer = create_scorer(connection, settings, open_version, model, events_log(connection))
    scorer.expects_cuda = expects_cuda
    address = WebAddress(settings.scorer_web_host, settings.scorer_web_port, "PLAUDIT_SCORER_WEB_PORT")
    return uvloop.run(run_follower(scorer, connection, settings.scorer_stall_s, address if web else None))


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
