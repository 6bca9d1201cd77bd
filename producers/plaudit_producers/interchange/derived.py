"""Ids that follow from what they are of."""

import hashlib


def derived_id(*parts: str) -> str:
    """The id of what these parts tell from all others. What comes twice has one id and so counts once."""
    text = "\0".join(parts).encode(errors="surrogatepass")
    return f"interchange-{hashlib.sha256(text).hexdigest()[:32]}"
