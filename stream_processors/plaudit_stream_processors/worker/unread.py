"""Partitions that are set aside because their log has lost what is to be read next."""

import logging
from typing import Any

from plaudit_schemas.service.wait_notice import WaitNotice
from redis.exceptions import RedisError

from plaudit_stream_processors.positions import SetAside
from plaudit_stream_processors.worker.pipeline import WorkerPipeline

log = logging.getLogger("plaudit.worker")
_notice = WaitNotice(log, "waiting to look at partitions that are set aside")


def unread_reason(partition: int, why: SetAside) -> str:
    """Why a partition is not read, and what to do."""
    reason, first, end = why
    if reason == "deleted":
        return (
            f"partition {partition} is set aside: Kafka deleted its offsets {first} to {end - 1} before they "
            f"were read; `plaudit state accept-loss --partition {partition} --from {first} --to {end}` gives "
            "them up"
        )
    if reason == "cut":
        return (
            f"partition {partition} is set aside: its log ends at offset {end}, but {first} is the next to "
            "read, so Kafka lost records that were folded; stop the workers and run `plaudit state reset`"
        )
    return f"partition {partition} is set aside: the state in Redis was begun with fewer partitions"


async def read_accepted(consumer: Any, pipeline: WorkerPipeline) -> None:
    """Go on with the partitions whose lost records somebody has given up."""
    for tp, why in list(consumer.aside.items()):
        if why.why != "deleted":
            continue
        try:
            offset = await pipeline.accepted_end(tp.partition, why.first)
        except RedisError as error:
            _notice.note(str(error))
            return
        _notice.note(None)
        if offset is not None and tp in consumer.aside:
            log.warning("partition %d goes on at offset %d", tp.partition, offset)
            await consumer.read_again(tp, offset)
