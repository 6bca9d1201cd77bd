"""The scale of a number that came without one."""

from plaudit_schemas.contract.aspect_declaration import AspectDeclaration
from plaudit_schemas.contract.records import refuse


def scale_of(
    name: str, number: float, declared: AspectDeclaration | None, *, field: str
) -> tuple[float, float]:
    """The declared scale of an aspect, else from 0 to 1.

    Args:
        field: names the number in the error.

    Raises:
        InvalidEventError: no scale is declared, and the number is not between 0 and 1.
    """
    if declared is not None and declared.minimum is not None and declared.maximum is not None:
        return declared.minimum, declared.maximum
    if not 0 <= number <= 1:
        refuse(
            field,
            f"must be from 0 to 1, since no scale is declared for {name}; declare its minimum and maximum in "
            "the file of PLAUDIT_ASPECTS",
        )
    return 0.0, 1.0
