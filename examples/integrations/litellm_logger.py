"""Record what LiteLLM calls, in your own program. Run it with PLAUDIT_APPLICATION=my-shop."""

import litellm
import plaudit_producers as plaudit
from plaudit_producers.integrations.litellm import LiteLLMLogger

litellm.callbacks = [LiteLLMLogger()]

with plaudit.conversation("order-17", user_id="u-1"):
    answer = litellm.completion(
        model="openai/answerer-2", messages=[{"role": "user", "content": "Where is my parcel?"}]
    )
    print(answer.choices[0].message.content)
