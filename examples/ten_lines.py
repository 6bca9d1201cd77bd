"""Send a chat's events to Kafka in ten lines. Run `plaudit up` first, or set PLAUDIT_BOOTSTRAP_SERVERS."""

from plaudit_producers import FeedbackProducer

with FeedbackProducer("my-shop") as producer:
    chat = producer.start_conversation(model="answerer-2", user_id="u-1", consent="granted")
    chat.add_message("user", "Where is my parcel?")
    answer = chat.add_message("assistant", "It arrives tomorrow.", latency_ms=812)
    chat.like(answer)
    chat.end()
    print(f"{chat.conversation_id}: {producer.flush()} events wait for Kafka")
