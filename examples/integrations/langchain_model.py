"""Record every chat model of LangChain: PLAUDIT_LANGCHAIN=1 PLAUDIT_APPLICATION=my-shop python ..."""

import plaudit_producers as plaudit
import plaudit_producers.integrations.langchain  # reads the variable
from langchain_openai import ChatOpenAI

model = ChatOpenAI(model="answerer-2")

with plaudit.conversation("order-17", user_id="u-1"):
    for part in model.stream("Where is my parcel?"):
        print(part.content, end="")
