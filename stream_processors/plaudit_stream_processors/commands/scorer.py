"""`plaudit scorer`: score answers with a published model."""

from argparse import ArgumentParser, Namespace

from plaudit_schemas.commands import Command
from plaudit_schemas.models.cache_settings import ModelCacheSettings
from plaudit_schemas.models.runtime_settings import RuntimeSettings
from plaudit_schemas.service.logs import add_log_level
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_stream_processors.scoring.settings import ScorerSettings


def configure(parser: ArgumentParser) -> None:
    parser.description = (
        "Scores every complete answer with a published model, and sends the scores as feedback. "
        "It follows the workers and reads what they have folded. Several scorers share the partitions. A "
        "scorer stops at SIGTERM. It exits with 1 on a failure; started again, it goes on where it was."
    )
    parser.add_argument("--without-web", action="store_true", help="serve neither health nor metrics")
    add_log_level(parser)
    main = ("scorer_model", "scorer_sample", "onnx_provider")
    add_arguments(parser, ConnectionSettings, ScorerSettings, RuntimeSettings, ModelCacheSettings, main=main)


def run(arguments: Namespace) -> int:
    from plaudit_schemas.models.packages import GPU_PACKAGE, runtime_package  # noqa: PLC0415  # used here

    package = runtime_package()  # the modules below need it
    from plaudit_schemas.models.folder_cache import FolderCache  # noqa: PLC0415  # loads obstore

    from plaudit_stream_processors.scoring.opening import opener  # noqa: PLC0415  # loads ONNX
    from plaudit_stream_processors.scoring.run import run_scorer  # noqa: PLC0415  # loads Faust

    cache, runtime = FolderCache.of(load(ModelCacheSettings, arguments)), load(RuntimeSettings, arguments)
    return run_scorer(
        load(ConnectionSettings, arguments),
        load(ScorerSettings, arguments),
        opener(cache, runtime),
        expects_cuda=package == GPU_PACKAGE and runtime.onnx_provider != "cpu",
        web=not arguments.without_web,
        log_level=arguments.log_level,
    )


COMMAND = Command("scorer", "score answers with a published model, as they come", configure, run)
