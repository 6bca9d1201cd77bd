"""Gzip of strangers: bounded while it is inflated, and refused if it is broken."""

import asyncio
import gzip
import os

import pytest
from plaudit_producers.gateway.errors import GzipError
from plaudit_producers.gateway.http.problems import Problem
from plaudit_producers.gateway.intake.bodies import RequestBodies
from plaudit_producers.gateway.intake.inflating import Inflater

from tests.producers.gateway.test_bodies import request

LIMIT = 10_000


def status_of(*chunks: bytes) -> tuple[int, int]:
    """The status of a gzipped body in chunks, and the bytes that came out."""

    async def read() -> tuple[int, int]:
        bodies = RequestBodies(10 * LIMIT, largest_bytes=LIMIT, within_s=60)
        try:
            async with bodies.read_body(request(*chunks), LIMIT, "a", gzipped=True) as body:
                assert bodies.held == len(body)
                return 200, len(body)
        except Problem as problem:
            assert bodies.held == 0
            return problem.status, 0

    return asyncio.run(read())


def pieces(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


@pytest.mark.parametrize("size", [1, 7, 100_000], ids=["byte by byte", "in pieces", "at once"])
def test_any_pieces_inflate_to_the_same(size: int) -> None:
    plain = os.urandom(500) * 10
    inflater = Inflater()
    body = gzip.compress(plain[:2000]) + gzip.compress(plain[2000:])
    assert b"".join(inflater.inflate(piece, LIMIT) for piece in pieces(body, size)) == plain
    inflater.finish()


def test_no_more_comes_out_than_there_is_room_for() -> None:
    assert len(Inflater().inflate(gzip.compress(b"x" * 10**7), 100)) == 100


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(gzip.compress(b"x" * LIMIT), 200, id="as much as allowed"),
        pytest.param(gzip.compress(b"x" * (LIMIT + 1)), 413, id="one more"),
        pytest.param(gzip.compress(b"x" * 10**8), 413, id="a bomb"),
        pytest.param(gzip.compress(b"") * LIMIT, 413, id="nothing without end"),
        pytest.param(gzip.compress(b"words")[:-1], 400, id="without its end"),
        pytest.param(gzip.compress(b"words") + b"more", 400, id="with more behind it"),
        pytest.param(b"words", 400, id="no gzip"),
        pytest.param(b"", 200, id="empty"),
    ],
)
@pytest.mark.parametrize("size", [1000, 10**9], ids=["in pieces", "at once"])
def test_bodies_within_the_limit_are_read(body: bytes, status: int, size: int) -> None:
    assert status_of(*pieces(body, size))[0] == status


def test_broken_gzip_is_an_error_of_ours() -> None:
    with pytest.raises(GzipError, match="is not gzip"):
        Inflater().inflate(b"words", 10)
    half = Inflater()
    half.inflate(gzip.compress(b"words")[:-1], 10)
    with pytest.raises(GzipError, match="ends before its end"):
        half.finish()
