"""Asks a model once through LiteLLM, as its proxy with this configuration does, until the input is closed.

The proxy cannot be installed from every package index; its router and its loggers are in LiteLLM itself.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import litellm
import yaml
from litellm.router import Router


def resolved(value: Any) -> Any:
    """A configuration with the values of the variables that it names, as the proxy reads it."""
    if isinstance(value, dict):
        return {name: resolved(part) for name, part in value.items()}
    if isinstance(value, list):
        return [resolved(part) for part in value]
    if isinstance(value, str) and value.startswith("os.environ/"):
        return os.environ[value.removeprefix("os.environ/")]
    return value


async def ask_once(configuration: dict[str, Any], session: str, question: str) -> None:
    """Ask the first model of a configuration."""
    litellm.callback_settings = configuration["callback_settings"]
    for name in configuration["litellm_settings"]["success_callback"]:
        litellm.logging_callback_manager.add_litellm_success_callback(name)
    for name in configuration["litellm_settings"]["failure_callback"]:
        litellm.logging_callback_manager.add_litellm_failure_callback(name)
    models = configuration["model_list"]
    answer = await Router(model_list=models).acompletion(
        models[0]["model_name"],
        messages=[{"role": "user", "content": question}],
        metadata={"session_id": session},
    )
    print(answer.choices[0].message.content, flush=True)
    await asyncio.to_thread(sys.stdin.read)  # the batch goes out in the meantime


if __name__ == "__main__":
    file, asked_in, asked = sys.argv[1:]
    asyncio.run(ask_once(resolved(yaml.safe_load(Path(file).read_text(encoding="utf-8"))), asked_in, asked))
