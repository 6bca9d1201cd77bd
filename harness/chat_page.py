"""The chat page as a real process."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.web_process import WebProcess


@dataclass
class ChatPage(WebProcess):
    """A chat page. `start` starts it, also again after `stop`: on the same port, with the same data."""

    command = "chat"

    def start(self) -> "ChatPage":
        """Start the process and wait until it listens."""
        self.launch()
        self.settings["chat_port"] = self.url.rpartition(":")[2]
        return self

    def offer(self, *models: dict[str, Any]) -> "ChatPage":
        """Write the file of models, before the start."""
        path = Path(self.folder / "models.yaml")
        path.write_text(yaml.safe_dump({"version": 1, "models": list(models)}), encoding="utf-8")
        self.settings["chat_models"] = str(path)
        return self
