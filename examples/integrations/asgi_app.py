"""A chat backend, with one conversation a visitor: uvicorn --app-dir examples/integrations asgi_app:app"""

import os

from fastapi import FastAPI
from openai import AsyncOpenAI
from plaudit_producers.integrations.asgi import PlauditMiddleware
from plaudit_producers.integrations.openai import wrap
from plaudit_producers.integrations.page_tokens import PageTokens

client = wrap(AsyncOpenAI())
app = FastAPI()
app.add_middleware(PlauditMiddleware, tokens=PageTokens(os.environ["GATEWAY"], os.environ["KEY"]))


@app.post("/ask")
async def ask(question: str) -> str:
    answer = await client.responses.create(model="answerer-2", input=question)
    return answer.output_text  # the page finds the id for its votes in the header Plaudit-Message-Id
