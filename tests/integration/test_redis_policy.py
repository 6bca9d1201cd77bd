"""A Redis that may evict keys, has evicted some, or takes no writes, and a worker that meets it."""

import asyncio
import logging
import uuid
from collections.abc import Callable, Sequence

import pytest
from plaudit_infra.servers.valkey import ValkeyCluster, ValkeyServer
from plaudit_schemas.service.redis import connect, execute
from plaudit_schemas.service.redis_nodes import RedisNode, redis_nodes
from plaudit_schemas.service.redis_watch import RedisWatch
from plaudit_stream_processors.state.evictions import EvictedError, EvictionRecord

from harness.events import events
from harness.waiting import eventually
from tests.support.line import Line

pytestmark = [pytest.mark.redis, pytest.mark.slow]
Make = Callable[[], ValkeyServer]


def nodes_of(url: str) -> list[RedisNode]:
    return asyncio.run(redis_nodes(url))


def set_policy(server: ValkeyServer, policy: str) -> None:
    with server.client() as client:
        client.config_set("maxmemory-policy", policy)


def watched(url: str, times: int = 1) -> RedisWatch:
    async def look() -> RedisWatch:
        watch = RedisWatch(url)
        for _ in range(times):
            await watch.look()
        return watch

    return asyncio.run(look())


def test_a_server_that_evicts_nothing_is_no_problem(valkey: str) -> None:
    (node,) = nodes_of(valkey)
    assert (node.policy, node.evicted, node.problem) == ("noeviction", 0, None)
    assert watched(valkey).problem is None


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-random", "volatile-lru", "volatile-ttl"])
def test_an_evicting_policy_is_a_problem(valkey_server: Make, policy: str) -> None:
    server = valkey_server()
    set_policy(server, policy)
    watch = watched(server.address)
    assert watch.evicts
    assert f"maxmemory-policy {policy}" in str(watch.problem)


@pytest.mark.parametrize("number", [0, 1, 2], ids=["the first", "the second", "the last"])
def test_every_node_of_a_cluster_is_asked(redis_nodes: ValkeyCluster, number: int) -> None:
    node = redis_nodes.nodes[number]
    set_policy(node, "allkeys-lfu")
    try:
        problem = str(watched(redis_nodes.address).problem)
    finally:
        set_policy(node, "noeviction")
    assert f":{node.ports['valkey']} " in problem
    assert watched(redis_nodes.address).problem is None


@pytest.fixture
def replicated(valkey_server: Make) -> tuple[ValkeyServer, ValkeyServer]:
    """A primary and its replica."""
    primary, replica = valkey_server(), valkey_server()
    with replica.client() as client, primary.client() as first:
        client.replicaof("127.0.0.1", primary.ports["valkey"])
        eventually(lambda: "slave0" in first.info("replication"), "the replica follows")
    return primary, replica


def test_a_replica_that_would_evict_as_a_primary_is_a_problem(
    replicated: tuple[ValkeyServer, ValkeyServer],
) -> None:
    primary, replica = replicated
    assert [node.problem for node in nodes_of(primary.address)] == [None, None]
    set_policy(replica, "volatile-lfu")
    for server in replicated:
        with server.client() as client:
            client.config_set("requirepass", "word")
    problem = str(watched(primary.address.replace("redis://", "redis://:word@")).problem)
    assert f":{replica.ports['valkey']} may evict" in problem
    assert "word" not in problem


def test_a_replica_takes_no_state(replicated: tuple[ValkeyServer, ValkeyServer]) -> None:
    assert "is a replica" in str(watched(replicated[1].address).problem)


@pytest.mark.parametrize(
    ("forbidden", "policy"),
    [(["-config"], "allkeys-lru"), (["-info"], "allkeys-lru"), (["-config", "-info"], None)],
    ids=["CONFIG is forbidden", "INFO is forbidden", "both are forbidden"],
)
def test_a_server_tells_its_policy_in_one_way_or_another(
    valkey_server: Make, forbidden: Sequence[str], policy: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    server = valkey_server()
    set_policy(server, "allkeys-lru")
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "app", "on", ">word", "~*", "+@all", *forbidden)
    url = server.address.replace("redis://", "redis://app:word@")
    assert [node.policy for node in nodes_of(url)] == [policy]
    with caplog.at_level(logging.WARNING):
        watch = watched(url, times=3)
    told = [record for record in caplog.records if "does not tell" in record.getMessage()]
    assert (watch.problem is None, len(told)) == ((True, 1) if policy is None else (False, 0))


def test_a_client_leaves_a_primary_that_became_a_replica(
    replicated: tuple[ValkeyServer, ValkeyServer],
) -> None:
    primary, replica = replicated
    leads_to = primary.ports["valkey"]

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", leads_to)
        await asyncio.gather(_pipe(reader, back), _pipe(there, writer))

    async def run() -> None:
        nonlocal leads_to
        name = await asyncio.start_server(forward, "127.0.0.1", 0)  # as a name that a failover moves
        client = connect(f"redis://127.0.0.1:{name.sockets[0].getsockname()[1]}")
        assert await execute(client, "SET", "before", 1)
        assert await execute(client, "WAIT", 1, 10_000) == 1
        leads_to = replica.ports["valkey"]
        with replica.client() as new, primary.client() as former:
            new.replicaof("NO", "ONE")
            former.replicaof("127.0.0.1", leads_to)
        assert await execute(client, "SET", "after", 2)
        await client.aclose()
        name.close()
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})

    asyncio.run(run())
    with replica.client() as new:
        assert (new.get("before"), new.get("after")) == (b"1", b"2")


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while read := await reader.read(65536):
        writer.write(read)
    writer.close()


def _evict(server: ValkeyServer, policy: str = "volatile-lru") -> None:
    """Let the server evict some keys, then forbid it again, as if somebody had repaired the setting.

    With a volatile policy it evicts only what is put there for that.
    """
    with server.client() as client:
        client.config_set("maxmemory-policy", policy)
        client.config_set("maxmemory", client.info("memory")["used_memory"] + 200_000)
        for number in range(100):
            client.set(f"filler:{uuid.uuid4()}:{number}", "x" * 10_000, ex=3600)
        assert client.info("stats")["evicted_keys"] > 0
        client.config_set("maxmemory", 0)
        client.config_set("maxmemory-policy", "noeviction")


class _Process:
    """What a worker remembers as long as it runs."""

    def __init__(self, server: ValkeyServer, prefix: str) -> None:
        self._url, self._prefix = server.address, prefix
        self._remembered: dict[str, int] = {}

    def looks(self) -> None:
        asyncio.run(self._look())

    async def _look(self) -> None:
        client = connect(self._url)
        record = EvictionRecord(client, self._prefix)
        record._first = self._remembered  # each look has an event loop of its own
        try:
            await record.refuse_evictions(await redis_nodes(self._url))
        finally:
            await client.aclose()


def test_keys_evicted_behind_our_back_are_noticed_later(valkey_server: Make) -> None:
    server = valkey_server()
    _Process(server, "old.").looks()
    _evict(server)
    for _ in range(2):
        with pytest.raises(EvictedError, match=r"has evicted \d+ keys.*old\.plaudit:evictions"):
            _Process(server, "old.").looks()
    _Process(server, "new.").looks()  # a state that is begun now has lost nothing
    with server.client() as client:
        client.config_resetstat()
        _Process(server, "new.").looks()
        _evict(server)
        with pytest.raises(EvictedError):
            _Process(server, "new.").looks()
        assert client.hlen("new.plaudit:evictions") == 1


def test_an_evicted_record_of_evictions_is_written_again(valkey_server: Make) -> None:
    server = valkey_server()
    process = _Process(server, "")
    process.looks()
    _evict(server)
    with server.client() as client:
        client.delete("plaudit:evictions")  # as an eviction may do with it
    for witness in (process, _Process(server, "")):
        with pytest.raises(EvictedError):
            witness.looks()


def _make_replica(server: ValkeyServer) -> None:
    """Make it the replica of a primary that is away."""
    with server.client() as client:
        client.replicaof("127.0.0.1", 1)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda server: set_policy(server, "allkeys-lru"), "may evict"),
        (_make_replica, "is a replica"),
    ],
    ids=["an evicting policy", "a replica"],
)
@pytest.mark.kafka
def test_a_worker_does_not_start(
    line: Callable[..., Line], valkey_server: Make, spoil: Callable[[ValkeyServer], None], said: str
) -> None:
    server = valkey_server()
    spoil(server)
    one = line(redis=server.address)
    assert one.wait_ended(one.start_worker()) == 1
    assert said in one.logs()


@pytest.mark.kafka
def test_a_worker_waits_while_redis_may_evict(line: Callable[..., Line], valkey_server: Make) -> None:
    server = valkey_server()
    one = line(redis=server.address)
    one.send(events(300, open_conversations=20, start_us=1))
    worker = one.start_worker()
    one.wait_folded()
    set_policy(server, "allkeys-lru")
    seed = 2

    def waits() -> bool:
        nonlocal seed
        one.send(events(5, open_conversations=20, seed=seed, start_us=1))
        seed += 1
        return "waiting: Redis at" in one.logs()

    eventually(waits, "the worker waits", 60)
    assert worker.poll() is None
    set_policy(server, "noeviction")
    one.wait_folded()
    one.check_exact()


@pytest.mark.kafka
def test_a_worker_ends_when_keys_were_evicted(line: Callable[..., Line], valkey_server: Make) -> None:
    server = valkey_server()
    one = line(redis=server.address)
    one.send(events(300, open_conversations=20, start_us=1))
    worker = one.start_worker()
    one.wait_folded()
    _evict(server)
    assert one.wait_ended(worker) == 1
    assert "ended: Redis at" in one.logs()
    assert one.wait_ended(one.start_worker()) == 1, "it does not start on a state with holes either"
