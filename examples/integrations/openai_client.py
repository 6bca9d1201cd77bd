"""Record what an OpenAI client is told and says. Prints the answer, and the id that a vote on it needs."""

import plaudit_producers as plaudit
from openai import OpenAI
from plaudit_producers.integrations.openai import wrap

with plaudit.FeedbackProducer("my-shop") as producer:
    client = wrap(OpenAI(), producer=producer)
    with plaudit.conversation("order-17", user_id="u-1") as chat:
        answer = client.chat.completions.create(
            model="answerer-2", messages=[{"role": "user", "content": "Where is my parcel?"}]
        )
    print(answer.choices[0].message.content)
    print(chat.last_message_id)
