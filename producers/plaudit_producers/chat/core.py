"""The parts of the chat page behind its pages, made from the settings."""

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from plaudit_schemas.contract.aspects import read_aspects
from plaudit_schemas.errors import NotFoundError, PlauditError
from plaudit_schemas.settings import data_folder
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_producers.chat.endpoints import EndpointTimeouts
from plaudit_producers.chat.guidelines import read_guidelines
from plaudit_producers.chat.models_file import ChatModel
from plaudit_producers.chat.models_reader import read_models
from plaudit_producers.chat.open_chats import OpenChats
from plaudit_producers.chat.questions import ChatQuestions, questions_of
from plaudit_producers.chat.recorder import ChatRecorder
from plaudit_producers.chat.restoring import restored_transcript
from plaudit_producers.chat.session import ChatBackend, ChatSession
from plaudit_producers.chat.settings import ChatSettings
from plaudit_producers.chat.transcript import ChatOpening, Transcript
from plaudit_producers.chat.visitor_cookies import VisitorCookies, cookie_secret
from plaudit_producers.chat.visitors import Visitors
from plaudit_producers.live_reader import ConversationReader, installed_reader
from plaudit_producers.privacy import identity_hash, load_redact
from plaudit_producers.sdk.producer import FeedbackProducer

log = logging.getLogger(__name__)

_READ_S: Final = 2.0
"""How long a visitor waits for their earlier chat."""


@dataclass(frozen=True, slots=True)
class ChatCore:
    """What the page needs.

    Attributes:
        guidelines: Markdown; empty if there are none.
        reader: reads chats back after a restart; None if no installed member can.
    """

    settings: ChatSettings
    producer: FeedbackProducer
    models: tuple[ChatModel, ...]
    questions: ChatQuestions
    guidelines: str
    cookies: VisitorCookies
    visitors: Visitors
    open_chats: OpenChats
    reader: ConversationReader | None

    async def aclose(self) -> None:
        """Cut the answers that are being written, and give Kafka what is still waiting."""
        await self.visitors.stop()
        await asyncio.to_thread(self.producer.close)
        self.open_chats.close()
        if self.reader is not None:
            await self.reader.aclose()


def make_core(
    settings: ChatSettings,
    connection: ConnectionSettings,
    producer: FeedbackProducer | None = None,
    data: Path | None = None,
) -> ChatCore:
    """Make the parts. Call it in the event loop that serves the page.

    Args:
        producer: for tests; None makes one with a spool.
        data: for tests; None is the data folder.

    Raises:
        SettingsError: a setting or a file is wrong.
        SpoolError: the spool's folder cannot be used.
    """
    data = data_folder() if data is None else data
    models = read_models(settings.chat_models)
    questions = questions_of(
        read_aspects(connection.aspects), settings.chat_application, settings.chat_questions
    )
    guidelines = read_guidelines(settings.chat_guidelines)
    cookies = VisitorCookies(cookie_secret(settings.chat_secret.get_secret_value(), data))
    producer = _make_producer(settings, connection, data) if producer is None else producer
    timeouts = EndpointTimeouts(
        settings.chat_first_token_timeout_s, settings.chat_token_timeout_s, settings.chat_answer_timeout_s
    )
    backend = ChatBackend(models, ChatRecorder(producer), timeouts)
    open_chats, reader = OpenChats(data / "chats.sqlite"), installed_reader(connection)
    resume_s = 60 * settings.chat_resume_minutes
    opener = _SessionOpener(backend, settings.chat_application, open_chats, reader, resume_s)
    visitors = Visitors(opener.open, most=settings.chat_max_visitors, resume_s=resume_s)
    return ChatCore(settings, producer, models, questions, guidelines, cookies, visitors, open_chats, reader)


def _make_producer(settings: ChatSettings, connection: ConnectionSettings, data: Path) -> FeedbackProducer:
    spool = settings.chat_spool_dir or data / "chat-spool"
    producer = FeedbackProducer(
        settings.chat_application,
        connection=connection,
        redact=load_redact(settings.chat_redact, "PLAUDIT_CHAT_REDACT"),
        identity=identity_hash(settings.chat_identity_key),
        when_full="raise",
        strict=True,  # the page tells its visitor what was not recorded
        spool_dir=spool,
    )
    producer.start()  # sends what an ended page left in the spool
    return producer


@dataclass(frozen=True, slots=True)
class _SessionOpener:
    backend: ChatBackend
    application: str
    open_chats: OpenChats
    reader: ConversationReader | None
    resume_s: float

    async def open(self, visitor: str) -> ChatSession:
        """A session with the visitor's earlier chat, if it is open and can be read; else an empty one."""
        transcript = await self._earlier(visitor)
        if transcript is None:
            transcript = Transcript(opening=ChatOpening(user_id=visitor))
        transcript.opening.user_id = visitor  # the log may have its hash
        return ChatSession(self.backend, transcript, lambda current: self.open_chats.note(visitor, current))

    async def _earlier(self, visitor: str) -> Transcript | None:
        conversation_id = self.open_chats.find(visitor, self.resume_s)
        if conversation_id is None or self.reader is None:
            return None
        try:
            async with asyncio.timeout(_READ_S):
                document = await self.reader.get(self.application, conversation_id)
            return restored_transcript(document)
        except NotFoundError:
            return None
        except (PlauditError, TimeoutError) as error:
            log.warning("a visitor's earlier chat could not be read, and a new one begins: %s", error)
        except Exception:  # whatever a state of another version holds, the visitor gets a page
            log.exception("a visitor's earlier chat could not be restored, and a new one begins")
        return None
