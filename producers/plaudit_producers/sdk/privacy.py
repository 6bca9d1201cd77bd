"""Identities and texts that are changed before an event is encoded."""

from copy import deepcopy

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.records import validate
from plaudit_schemas.errors import InvalidEventError, PlauditError

from plaudit_producers.sdk.content_policy import ContentPolicy
from plaudit_producers.sdk.identity import IdentityHash
from plaudit_producers.sdk.redact import Redact, run_redact


class EventPrivacy:
    """Hashes the ids of people and runs the `redact` hook, if there is either."""

    def __init__(self, identity: IdentityHash | None, redact: Redact | None, content: ContentPolicy) -> None:
        self._identity, self._redact, self._content = identity, redact, content

    def apply(self, record: Record) -> Record:
        """Return the record to send: a copy, unless there is nothing to do.

        Raises:
            InvalidEventError: an id cannot be hashed, or the hook's record breaks the contract.
            RedactionError: the hook failed. The event must not be sent: it may hold what should not leave.
        """
        if self._identity is None and self._redact is None:
            return record
        # The caller's objects must not change, nor the dicts that several records share.
        copied = deepcopy(record)
        if self._identity is not None:
            self._hash_identities(copied, self._identity)
        if self._redact is None:
            return copied
        passed_on = PlauditError if self._content.strict else InvalidEventError
        redacted = run_redact(self._redact, copied, passed_on=passed_on)
        try:
            validate(redacted)
        except InvalidEventError:
            if not self._content.repairs:
                raise
            self._content.repair(redacted)
        return redacted

    def _hash_identities(self, record: Record, identity: IdentityHash) -> None:
        try:
            identity.apply(record)
        except InvalidEventError:  # an id that UTF-8 cannot encode
            if not self._content.repairs:
                raise
            self._content.repair(record)
            identity.apply(record)
