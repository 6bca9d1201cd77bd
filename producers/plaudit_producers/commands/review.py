"""`plaudit review`: rubrics and the queues that they make."""

from argparse import ArgumentParser, Namespace

from plaudit_schemas.commands import Command

from plaudit_producers.commands import (
    review_check,
    review_export,
    review_list,
    review_publish,
    review_send,
    review_status,
    review_tasks,
    review_withdraw,
)


def configure(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    review_check.configure(actions)
    review_publish.configure(actions)
    review_list.configure(actions)
    review_send.configure(actions)
    review_status.configure(actions)
    review_export.configure(actions)
    review_tasks.configure(actions)
    review_withdraw.configure(actions)


def run(arguments: Namespace) -> int:
    return _ACTIONS[arguments.action](arguments)


_ACTIONS = {
    "check": review_check.check_rubrics,
    "publish": review_publish.publish_rubric,
    "list": review_list.list_rubrics,
    "send": review_send.send_target,
    "status": review_status.show_status,
    "export": review_export.export_verdicts,
    "tasks": review_tasks.write_tasks,
    "withdraw": review_withdraw.withdraw_rubric,
}
COMMAND = Command("review", "check and publish rubrics, and show what people review", configure, run)
