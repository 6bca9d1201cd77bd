"""The page as an application of Gradio's."""

import os
from collections.abc import Callable
from typing import Final

# Gradio reads these when it is imported, and when a page is made.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
# After each event it would put the last 10,000 into a table of pandas, for a page that is not served here.
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(10**9))
os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "1")

import gradio as gr
from fastapi import FastAPI

from plaudit_producers.chat.core import ChatCore
from plaudit_producers.chat.page.layout import put_page
from plaudit_producers.chat.page.wiring import wire

_FONTS: Final = ("system-ui", "Segoe UI", "Roboto", "sans-serif")
_MONO_FONTS: Final = ("ui-monospace", "Consolas", "monospace")
_TABS_OF_VISITOR: Final = 4
_HEAD: Final = (
    '<link rel="icon" href="icon.svg"><link rel="stylesheet" href="chat.css">'
    '<script src="chat.js" defer></script>'
)


def gradio_app(core: ChatCore, stopping: Callable[[], bool]) -> FastAPI:
    """The page for a core. Its lifespan must be entered.

    It asks nothing of other hosts, counts nothing for Gradio's makers, keeps no history of runs, and takes no
    files.
    """
    with gr.Blocks(title=core.settings.chat_title, analytics_enabled=False) as blocks:
        wire(blocks, core, put_page(core), stopping)
    # Answers of all visitors at once: everything waits for networks only. Each tab that follows an answer is
    # a job of Gradio's queue. It takes as many jobs as threads, 40; more clicks would wait for their end.
    threads, blocks.max_threads = blocks.max_threads, _TABS_OF_VISITOR * core.settings.chat_max_visitors
    blocks.queue(default_concurrency_limit=None)
    blocks.max_threads = threads  # the pool of threads is made from it later
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    gr.mount_gradio_app(
        app, blocks, "",
        theme=_theme(), head=_HEAD, footer_links=[], run_history=False, ssr_mode=False, pwa=False,
        mcp_server=False, enable_monitoring=False, show_error=False, max_file_size=0,
    )  # fmt: skip
    return app


def _theme() -> gr.themes.Base:
    # Fonts by name: Gradio's own come from Google.
    return gr.themes.Default(primary_hue="cyan", neutral_hue="slate", font=_FONTS, font_mono=_MONO_FONTS)
