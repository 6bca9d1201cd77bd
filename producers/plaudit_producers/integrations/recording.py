"""Records a model call in the conversation that the code runs in."""

from dataclasses import replace

from plaudit_producers.integrations.current import CurrentConversation, current_conversation
from plaudit_producers.integrations.producers import recorder_of
from plaudit_producers.model_calls.call import ModelCall
from plaudit_producers.sdk.producer import FeedbackProducer


def record_call(
    call: ModelCall, producer: FeedbackProducer | None = None, current: CurrentConversation | None = None
) -> list[str]:
    """Record a call, and make its last answer the current conversation's last message.

    Args:
        call: what it names itself, conversation, user or tags, goes before what the context says.
        producer: by default the shared one.
        current: the conversation in which the call was made, for a stream that may end elsewhere; by default
            the current one.

    Returns:
        The ids of the call's answers.

    Raises:
        PlauditError: a setting is wrong, or as `CallRecorder.record`. Call this inside `guarded`.
    """
    current = current_conversation() if current is None else current
    if current is not None:
        call = replace(
            call,
            conversation_id=call.conversation_id or current.id,
            user_id=call.user_id or current.user_id,
            consent=current.consent if call.consent == "unspecified" else call.consent,
            tags={**current.tags, **call.tags},
        )
    recorded = recorder_of(producer).record(call)
    if current is not None and recorded and call.conversation_id == current.id:
        current.last_message_id = recorded[-1]
    return recorded
