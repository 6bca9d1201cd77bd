"""The worker's own code and the audit's over a log in memory, with states in a real Redis.

The topics are lists, so that a log can span weeks, and a worker can die between any two of its steps.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from plaudit_infra.audit.admitted_labels import AdmittedLabels
from plaudit_infra.audit.dead_letters import LetterIndex, compare_letters
from plaudit_infra.audit.finished import FinishedComparison, SinkRefusals
from plaudit_infra.audit.ledger import Ledger
from plaudit_infra.audit.live_state import LiveState
from plaudit_infra.audit.report import Account
from plaudit_schemas.codec.wire import Decoder, Encoder, PackagedSchemas
from plaudit_schemas.contract.aspects import read_aspects
from plaudit_schemas.kafka.record import KafkaRecord, ProducerRecord
from plaudit_schemas.service.redis import RedisClient, connect, execute
from plaudit_stream_processors.fold import CURRENT_VERSION, EMITTED, Rules
from plaudit_stream_processors.fold.rules import LABELS_VERSION
from plaudit_stream_processors.metrics.declared import DeclaredFirst
from plaudit_stream_processors.metrics.label_limit import LabelLimit
from plaudit_stream_processors.metrics.label_names import LimitedNames, SeriesNames
from plaudit_stream_processors.state.keys import partition_keys
from plaudit_stream_processors.state.label_places import LabelPlaces
from plaudit_stream_processors.state.store import ConversationStore
from plaudit_stream_processors.worker.batches import FoldContext, Prepared, WorkerTopics
from plaudit_stream_processors.worker.partition_folder import PartitionFolder

from tests.support.unruly_words import UnrulyLog

RETENTION_MS: Final = 3_600_000
"""How long an ended conversation takes events. Redis drops its content an hour later."""
_GUARD_MS: Final = 10**9
_LABELS: Final = 3  # of a kind: the limit is reached in each log
_TOPICS: Final = WorkerTopics("events", "finished", "letters", "metrics")
_SCHEMAS: Final = PackagedSchemas()
_DECODER: Final = Decoder("conversation_event", _SCHEMAS, sparse=True)  # made once: it compiles readers
_ENCODERS: Final = {name: Encoder(name) for name in EMITTED}


@dataclass
class AuditedLine:
    """A log, the worker that folds it, and what the worker has sent."""

    log: UnrulyLog
    redis: str
    prefix: str
    random: Random
    version: int = CURRENT_VERSION
    finished: list[KafkaRecord] = field(default_factory=list)
    letters: list[KafkaRecord] = field(default_factory=list)

    def fold(self) -> None:
        """Fold all that is not folded yet, in batches of any size, by workers that may die."""
        asyncio.run(self._fold())

    def differences(self) -> list[str]:
        """What the audit says of all partitions."""
        return asyncio.run(self._audit())

    async def _fold(self) -> None:
        client = connect(self.redis)
        try:
            for partition in range(len(self.log.partitions)):
                await self._fold_partition(client, partition)
        finally:
            await client.aclose()

    async def _fold_partition(self, client: RedisClient, partition: int) -> None:
        folder, position = await self._take(client, partition)
        while position < self.log.ends[partition]:
            end = min(self.log.ends[partition], position + self.random.choice((1, 2, 7, 40, 300)))
            records = list(self.log.records(partition, position, end))
            prepared = await folder.fold_batch(await folder.load_batch(records, position, end))
            chance = self.random.random()
            if chance < 0.1:  # dies before it has sent anything
                folder, position = await self._take(client, partition)
                continue
            self._send(prepared)
            if chance < 0.2:  # dies before its commit: the next one sends it all again
                folder, position = await self._take(client, partition)
                continue
            await folder.commit_batch(prepared)
            if chance < 0.3:  # did not get the answer, and commits again
                await folder.commit_batch(prepared)
            position = end
            if chance < 0.4:
                folder, position = await self._take(client, partition)
        await execute(
            client, "HSET", partition_keys(self.prefix, partition).position, "rules", self._history(partition)
        )

    def _history(self, partition: int) -> str:
        return self._histories.get(partition, f"{self.version}:0")

    def __post_init__(self) -> None:
        self._histories: dict[int, str] = {}

    def upgrade(self) -> None:
        """Let the rules of today fold from here on."""
        for partition, end in enumerate(self.log.ends):
            self._histories[partition] = f"{self.version}:0,{CURRENT_VERSION}:{end}"
        self.version = CURRENT_VERSION

    async def _take(self, client: RedisClient, partition: int) -> tuple[PartitionFolder, int]:
        store = self._store(client)
        places = LabelPlaces(client, self.prefix, lambda: _GUARD_MS)
        limit = LabelLimit(DeclaredFirst(places, _LABELS, read_aspects(None)))
        # Earlier rules had one set of values for all; here it stays empty.
        names = limit.names_at if self.version >= LABELS_VERSION else _no_names
        rules = Rules(RETENTION_MS, names, partitions=len(self.log.partitions), version=self.version)
        context = FoldContext(_TOPICS, store, rules, limit, _DECODER, _ENCODERS)
        ownership = await store.acquire_partition(partition, "worker")
        cache = self.random.choice((1, 50, 10_000))
        return PartitionFolder(context, partition, ownership, cache), ownership.next_offset or 0

    def _store(self, client: RedisClient) -> ConversationStore:
        return ConversationStore(
            client, prefix=self.prefix, state_retention_ms=RETENTION_MS, late_guard_ms=_GUARD_MS
        )

    def _send(self, prepared: Prepared) -> None:
        _append(self.finished, prepared.finished)
        letters = [letter.to_send("letters") for letter in prepared.dead_letters]
        _append(self.letters, [replaced._replace(partition=0) for replaced in letters])

    async def _audit(self) -> list[str]:
        client = connect(self.redis)
        index = LetterIndex()
        found = [str(each) for each in index.add_letters(self.letters, "events", "finished")]
        try:
            for partition in range(len(self.log.partitions)):
                found += await self._audit_partition(client, partition, index)
        finally:
            await client.aclose()
        return found

    async def _audit_partition(self, client: RedisClient, partition: int, index: LetterIndex) -> list[str]:
        labels = AdmittedLabels(client, self.prefix, [])
        await labels.refresh()
        history = await self._store(client).rules_history(partition)
        rules = Rules(RETENTION_MS, labels.names_at, partitions=len(self.log.partitions))
        ledger = Ledger(partition, rules, _DECODER, _ENCODERS, history=history)

        async def fold_until(offset: int) -> None:
            ledger.fold_records(self.log.records(partition, ledger.position, offset))
            ledger.position = max(ledger.position, offset)
            ledger.forget_before(ledger.arrived_ms)

        live = LiveState(client, self.prefix, ledger, fold_until)
        found = [f"{account}: {what}" async for account, _, what in live.compare()]
        account = Account(partition, end=ledger.position, state_position=live.position)
        committed = live.position or 0
        found += [str(each) for each in compare_letters(ledger, account, index, committed)]
        finished = FinishedComparison(ledger, account, SinkRefusals(set(), 0), _SCHEMAS)
        own = [record for record in self.finished if record.partition == partition]
        for _ in finished.compare_records(own):
            pass
        found += [str(each) for each in (*finished.differences(), *finished.missing())]
        counted = ledger.folded + ledger.duplicates + ledger.ignored + len(ledger.refused)
        if counted != ledger.events:
            found.append(f"partition {partition}: {counted} events are accounted for, of {ledger.events}")
        return found


def _no_names(_arrived_ms: int, _version: int) -> SeriesNames:
    return LimitedNames(lambda _kind, _application, _value: False)


def _append(topic: list[KafkaRecord], sent: Iterable[ProducerRecord]) -> None:
    for record in sent:
        topic.append(
            KafkaRecord(
                record.partition or 0, len(topic), 0, record.key, record.value, tuple(record.headers or ())
            )
        )
