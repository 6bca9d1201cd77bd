"""A stand-in of S3 on this machine."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from moto.server import ThreadedMotoServer


@contextmanager
def object_store() -> Iterator[str]:
    """Serve an object store, and give its address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def empty_bucket(address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make a bucket, point the settings of AWS at it, and return the URL of a folder in it."""
    for name, value in (
        ("AWS_ENDPOINT_URL", address), ("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "us-east-1"),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    httpx.post(f"{address}/moto-api/reset").raise_for_status()  # buckets are the process's, not the server's
    httpx.put(f"{address}/lake").raise_for_status()
    return "s3://lake/chats"
