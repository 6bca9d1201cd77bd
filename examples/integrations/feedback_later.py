"""Like an answer by the id of its message alone, from any process: python feedback_later.py MESSAGE_ID."""

import sys

from plaudit_producers import FeedbackProducer

with FeedbackProducer("my-shop") as producer:
    producer.message(sys.argv[1]).like()
