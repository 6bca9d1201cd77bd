"""`plaudit models`: check, use, compare, publish, roll back and export models that score answers."""

from argparse import ArgumentParser, Namespace

from plaudit_schemas.commands import Command

from plaudit_consumers.commands import (
    model_check,
    model_compare,
    model_export,
    model_list,
    model_publish,
    model_rollback,
    model_score,
    model_show,
    model_withdraw,
)


def configure(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    model_check.configure(actions)
    model_list.configure(actions)
    model_show.configure(actions)
    model_score.configure(actions)
    model_compare.configure(actions)
    model_publish.configure(actions)
    model_rollback.configure(actions)
    model_withdraw.configure(actions)
    model_export.configure(actions)


def run(arguments: Namespace) -> int:
    return _ACTIONS[arguments.action](arguments)


_ACTIONS = {
    "check": model_check.check_model,
    "list": model_list.list_models,
    "show": model_show.show_model,
    "score": model_score.score_answers,
    "compare": model_compare.compare_models,
    "publish": model_publish.publish_model,
    "rollback": model_rollback.roll_back_model,
    "export": model_export.export_model,
    "withdraw": model_withdraw.withdraw_model,
}
COMMAND = Command("models", "check, use, compare and publish models that score answers", configure, run)
