"""The hooks of mkdocs: add the pages made from the code, and fit the repository's Markdown to the site."""

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # mkdocs loads a hook by its path

from docs.generators import decisions, diagrams, links  # noqa: E402
from docs.generators.pages import MOVED, REFERENCE  # noqa: E402

_WORKER = "https://unpkg.com/iframe-worker/shim"
_OUR_WORKER = "javascripts/frame_worker.js"
_FOREIGN = re.compile(r"<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)=[\"'](https?://[^\"']+)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List the decisions in the navigation, which need not be done by hand."""
    assert config.nav is not None  # noqa: S101  # mkdocs.yml has one
    listed = [f"decisions/{path.name}" for path in decisions.paths()]
    config.nav = [_with_decisions(part, ["decisions/index.md", *listed]) for part in config.nav]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are no files of `docs/`."""
    made = {path: render() for path, render in REFERENCE.items()}
    made["decisions/index.md"] = decisions.index()
    made.update({page: (ROOT / name).read_text(encoding="utf-8") for name, page in MOVED.items()})
    for path, text in made.items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fit links and diagrams of one page to the site."""
    path = page.file.src_uri
    source = next((name for name, moved in MOVED.items() if moved == path), f"docs/{path}")
    text, pictures = diagrams.drawn(links.for_site(markdown, source, path, MOVED), "../" * path.count("/"))
    if pictures:
        page.meta["hide"] = ["toc"]  # a diagram needs the room
    for picture in pictures:
        if files.get_file_from_path(picture.path) is None:
            files.append(File.generated(config, picture.path, content=picture.svg))
    return text


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Load the search's helper from the site; the theme would fetch it from the internet."""
    return output.replace(_WORKER, "../" * page.url.count("/") + _OUR_WORKER)


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """The same for pages without Markdown, such as the one of a wrong address."""
    return output_content.replace(_WORKER, _OUR_WORKER)


def on_post_build(config: MkDocsConfig) -> None:
    """Refuse a site that loads anything from elsewhere.

    Raises:
        PluginError: a page does.
    """
    for page in Path(config.site_dir).rglob("*.html"):
        found = _FOREIGN.findall(page.read_text(encoding="utf-8"))
        if found:
            raise PluginError(f"{page.name} would load {found[0]}; the site has to work offline")


def _with_decisions(part: Any, pages: list[str]) -> Any:
    if not isinstance(part, dict):
        return part
    return {
        title: [{"Decisions": pages} if item == "decisions/index.md" else item for item in items]
        for title, items in part.items()
    }
