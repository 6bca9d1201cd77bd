"""The mark of a record that a page sent: a server's word weighs more where both speak of one conversation.

It is a header and no field of the event: it says how the gateway came by the event, and dead letters, records
that are sent again, and copies keep headers. Workers of before do not look at it.
"""

from typing import Final

from plaudit_schemas.kafka.record import Headers, KafkaRecord

PAGE_MARK: Final = "plaudit-page"

PAGE_HEADERS: Final[Headers] = [(PAGE_MARK, b"")]


def sent_by_page(record: KafkaRecord) -> bool:
    """Whether a page sent a record, as its gateway says. Records of older gateways have no mark."""
    return any(name == PAGE_MARK for name, _ in record.headers)
