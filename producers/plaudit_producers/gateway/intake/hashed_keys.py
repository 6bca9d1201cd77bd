"""Keys in Redis under the ids of other systems."""

from hashlib import blake2b


def hashed_key(prefix: str, application: str, name: str) -> str:
    """The key of a name. It is hashed: another system's id may have any length and any character."""
    digest = blake2b(name.encode(errors="surrogatepass"), digest_size=16).hexdigest()
    return f"{prefix}{application}/{digest}"
