"""What a producer does with an event whose content breaks the contract."""

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.records import validate, validate_body
from plaudit_schemas.errors import InvalidEventError

from plaudit_producers.errors import EventSizeError
from plaudit_producers.sdk.content_problems import ContentProblems
from plaudit_producers.sdk.options import WhenInvalid
from plaudit_producers.sdk.values import error_of_unfit, plain_record


class ContentPolicy:
    """Repairs what may be repaired, and counts it.

    Attributes:
        strict: errors of content are raised.
        repairs: events are repaired, and not only rejected.
    """

    def __init__(self, problems: ContentProblems, *, strict: bool, when_invalid: WhenInvalid) -> None:
        self.problems = problems
        self.strict = strict
        self.repairs = not strict and when_invalid == "repair"

    def repair(self, record: Record) -> None:
        """Repair a record in place.

        Raises:
            InvalidEventError: it cannot be repaired.
            UnknownFieldError: a keyword is none of this kind of event.
        """
        # Late, as below: most programs need no repair.
        from plaudit_producers.sdk.repair import repair_record  # noqa: PLC0415

        repairs = repair_record(record)
        if repairs:
            self.problems.note_repairs(record, repairs)

    def repair_unsent(self, record: Record, error: InvalidEventError) -> None:
        """Repair in place a valid record that could not be encoded: half a surrogate pair, or too large.

        Raises:
            InvalidEventError: the error itself, if nothing can be done.
        """
        if not self.repairs:
            raise error
        from plaudit_producers.sdk.repair import repair_record  # noqa: PLC0415
        from plaudit_producers.sdk.shrinking import shrink  # noqa: PLC0415

        excess = error.excess if isinstance(error, EventSizeError) else None
        repairs = repair_record(record) if excess is None else shrink(record, excess)
        if not repairs:
            raise error
        self.problems.note_repairs(record, repairs)


def check_record(record: Record, *, enveloped: bool) -> None:
    """Check a record, whose values it replaces by plain ones.

    Args:
        enveloped: everything but the body is valid, or marked: as `Unfit`, or as an empty conversation id.

    Raises:
        InvalidEventError: the record breaks the contract.
    """
    try:
        if (
            enveloped
            and record["conversation_id"]
            and type(record["occurred_at"]) is int
            and type(record["event_id"]) is str
        ):
            validate_body(record["body"])
        else:
            validate(plain_record(record))
    except InvalidEventError as error:
        raise error_of_unfit(record) or error from None
