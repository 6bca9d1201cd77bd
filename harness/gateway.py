"""The gateway as a real process."""

from dataclasses import dataclass

import httpx

from harness.web_process import WebProcess


@dataclass
class Gateway(WebProcess):
    """A gateway. `start` starts it; `client` makes an HTTP client for it."""

    command = "gateway"
    secret: str = ""

    def start(self, *, ready: bool = True) -> "Gateway":
        """Start the process and wait until it is ready, or at least listens."""
        # All clients of a test come from one address; by default it may send 50 requests a second.
        self.settings.setdefault("gateway_address_rate", "100000")
        self.launch()
        if ready:
            self.wait_ready()
        return self

    def client(self, credential: str | None = None) -> httpx.Client:
        """An HTTP client that sends a key or a token, or neither."""
        headers = {} if credential is None else {"Authorization": f"Bearer {credential}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def metric(self, line: str) -> float:
        """The value of one sample, such as `plaudit_gateway_ready`; 0 if there is none."""
        text = httpx.get(f"{self.url}/metrics", timeout=30).text
        found = [row for row in text.splitlines() if row.startswith(f"{line} ")]
        return float(found[0].rpartition(" ")[2]) if found else 0.0
