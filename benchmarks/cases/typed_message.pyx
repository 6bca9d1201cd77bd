# cython: language_level=3
"""A new answer as the dict that the fold keeps, and as a typed object. Compiled by benchmarks.cases.typed_messages."""

cdef class Message:
    cdef public str message_id, role, content, status, parent_id, producer
    cdef public long occurred_at, n, completed_ms
    cdef public list events, series
    cdef public object model, latency_ms, flags, verdicts


def fold_dicts(list ids, str text, str event_id, list series):
    """Read and fold an answer for each id. Returns them, and those of them that had more to look at."""
    cdef dict message, messages = {}, dirty = {}
    cdef str message_id
    cdef long more = 0
    for message_id in ids:
        message = {"message_id": message_id, "role": "assistant", "content": text, "status": "complete"}
        if messages.get(message_id) is not None:
            more += 1
        if "parent_id" not in message:
            message["parent_id"] = ""
        message["producer"] = "gateway"
        message["occurred_at"] = 1_700_000_000_000_000
        message["n"] = len(messages)
        message["events"] = [event_id]
        messages[message_id] = message
        if len(dirty) == 8:
            dirty = {}
        dirty["message:" + message_id] = message
        if "model" in message:
            more += 1
        if message["role"] == "assistant":
            message["series"] = series
            if message["status"] == "complete":
                message["completed_ms"] = 1_700_000_000_000
        if message.get("latency_ms") is not None:
            more += 1
        if "flags" in message:
            more += 1
    return messages, more


def fold_objects(list ids, str text, str event_id, list series):
    """As `fold_dicts`."""
    cdef dict messages = {}, dirty = {}
    cdef Message message
    cdef str message_id
    cdef long more = 0
    for message_id in ids:
        message = Message.__new__(Message)
        message.message_id, message.role = message_id, "assistant"
        message.content, message.status = text, "complete"
        if messages.get(message_id) is not None:
            more += 1
        if message.parent_id is None:
            message.parent_id = ""
        message.producer = "gateway"
        message.occurred_at = 1_700_000_000_000_000
        message.n = len(messages)
        message.events = [event_id]
        messages[message_id] = message
        if len(dirty) == 8:
            dirty = {}
        dirty["message:" + message_id] = message
        if message.model is not None:
            more += 1
        if message.role == "assistant":
            message.series = series
            if message.status == "complete":
                message.completed_ms = 1_700_000_000_000
        if message.latency_ms is not None:
            more += 1
        if message.flags is not None:
            more += 1
    return messages, more


def write_dicts(dict messages, dumps):
    """The JSON of each, for Redis."""
    cdef dict message
    for message in messages.values():
        dumps(message)


def write_objects(dict messages, dumps):
    """As `write_dicts`, through a dict: JSON libraries know no types of C."""
    cdef Message message
    for message in messages.values():
        dumps(_as_dict(message))


cdef dict _as_dict(Message message):
    cdef dict found = {
        "message_id": message.message_id, "role": message.role, "content": message.content,
        "status": message.status, "parent_id": message.parent_id, "producer": message.producer,
        "occurred_at": message.occurred_at, "n": message.n, "events": message.events,
    }
    if message.series is not None:
        found["series"] = message.series
    if message.completed_ms:
        found["completed_ms"] = message.completed_ms
    if message.model is not None:
        found["model"] = message.model
    if message.latency_ms is not None:
        found["latency_ms"] = message.latency_ms
    if message.flags is not None:
        found["flags"] = message.flags
    if message.verdicts is not None:
        found["verdicts"] = message.verdicts
    return found


def copy_texts(bytes text, long times, dumps):
    """What carrying a text as bytes of Avro would save: to a str, to JSON, and to bytes again."""
    cdef long number
    for number in range(times):
        decoded = text.decode("utf-8")
        dumps(decoded)
        decoded.encode("utf-8")
