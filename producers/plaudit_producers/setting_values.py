"""Values of settings that hold several parts."""

from pydantic import SecretStr


def pairs_of(value: SecretStr, least_bytes: int) -> dict[str, str]:
    """`ID:SECRET,ID:SECRET` as a dict, in the given order.

    Raises:
        ValueError: a pair has no id or that of another pair, or its secret is shorter than `least_bytes`.
    """
    found = {}
    for part in parts_of(value.get_secret_value()):
        name, _, secret = part.partition(":")
        if not name or len(secret.encode()) < least_bytes:
            raise ValueError(f"takes ID:SECRET with a secret of at least {least_bytes} bytes")
        if name in found:
            raise ValueError(f"has two secrets for the id {name}; give each its own id")
        found[name] = secret
    return found


def parts_of(text: str) -> list[str]:
    """The parts of a comma-separated text, without spaces around them and without empty ones."""
    return [part.strip() for part in text.split(",") if part.strip()]


def people_of(text: str) -> dict[str, str]:
    """The ID=PERSON pairs of a comma-separated text: ids in another tool -> ids of people here.

    Raises:
        ValueError: a part is no such pair, or an id is named twice.
    """
    people: dict[str, str] = {}
    for part in parts_of(text):
        name, equals, person = (each.strip() for each in part.partition("="))
        if not (name and equals and person) or name in people:
            raise ValueError(f"must be ID=PERSON pairs, such as 1=ana, each id once, not {part!r}")
        people[name] = person
    return people
