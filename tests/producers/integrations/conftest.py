"""What tests of integrations share: an endpoint, and a producer that keeps what was recorded."""

from collections.abc import Iterator

import openai
import pytest
from plaudit_producers.integrations.openai import wrap
from plaudit_producers.testing import InMemoryProducer

from tests.support.chat_endpoint import ChatEndpoint, chat_endpoint


@pytest.fixture(scope="module")
def endpoint() -> Iterator[ChatEndpoint]:
    with chat_endpoint() as running:
        yield running


@pytest.fixture
def producer() -> Iterator[InMemoryProducer]:
    with InMemoryProducer() as made:
        yield made


@pytest.fixture
def plain_client(endpoint: ChatEndpoint) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=endpoint.base_url, api_key="k", max_retries=0, timeout=60) as made:
        yield made


@pytest.fixture
def client(plain_client: openai.OpenAI, producer: InMemoryProducer) -> openai.OpenAI:
    """A wrapped client."""
    return wrap(plain_client, producer=producer)
