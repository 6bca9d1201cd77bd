"""Where files lie: in a folder, or in a place of an object store.

A URL is read strictly, because the libraries drop what they do not expect: of `s3://bucket/h#y` only `h`.
"""

import re
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote

SCHEMES: Final = ("s3", "gs", "az")
_URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(.*)", re.DOTALL)
_ONE_SLASH: Final = re.compile(rf"({'|'.join(SCHEMES)}|file):/", re.IGNORECASE)


class StoreLocation(NamedTuple):
    """A place in an object store.

    Attributes:
        bucket: or container.
        prefix: the folder within it, as written in the URL; empty for the whole bucket.
    """

    scheme: str
    bucket: str
    prefix: str

    @property
    def url(self) -> str:
        """The URL, spelt in one way."""
        return f"{self.scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")


def parse_location(text: str) -> Path | StoreLocation:
    """Read where files lie, from a setting or an option.

    Raises:
        ValueError: it names no place, or leaves open which one. The message does not repeat credentials.
    """
    if any(ord(character) < ord(" ") or character == "\x7f" for character in text) or text != text.strip():
        raise ValueError("has spaces around it, or control characters; remove them")
    found = _URL.fullmatch(text)
    if found is None:
        if _ONE_SLASH.match(text):
            raise ValueError("has one slash after the scheme; write two, such as s3://bucket/folder")
        return Path(text).absolute()
    scheme, bucket, path = found[1].lower(), found[2], found[3]
    if scheme == "file":
        if bucket or not path.startswith("/"):
            raise ValueError("names no folder; write it as file:///folder, or without file://")
        return Path(text.partition("://")[2])
    if "@" in bucket:
        raise ValueError(
            "has credentials in the URL, which logs would show; use the provider's environment variables"
        )
    if scheme not in SCHEMES:
        raise ValueError(f"{scheme}:// is not one of {', '.join(SCHEMES)}, nor a folder")
    _check_bucket(bucket)
    _check_path(path)
    return StoreLocation(scheme, bucket, path.strip("/"))


def _check_bucket(bucket: str) -> None:
    if not bucket:
        raise ValueError("names no bucket; write it as s3://bucket/folder")
    if ":" in bucket:
        raise ValueError(
            "has a port after the bucket; name the store's address in the provider's variable, such as "
            "AWS_ENDPOINT_URL"
        )


def _check_path(path: str) -> None:
    for mark, escaped in (("#", "%23"), ("?", "%3F")):
        if mark in path:
            raise ValueError(
                f"has a {mark}, and what follows it would be dropped; in a folder's name write {escaped}"
            )
    parts = unquote(path).removeprefix("/").removesuffix("/").split("/")
    if {".", ".."} & set(parts):
        raise ValueError("has the folder . or ..; write the path without it")
    if "" in parts and parts != [""]:
        raise ValueError("has an empty folder name (two slashes in a row); remove one")
