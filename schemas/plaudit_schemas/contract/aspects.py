"""Declared aspects of applications, and the file that declares them (docs/aspects.md).

Producers and the gateway refuse feedback that does not fit the file. The fold never reads it, because a
replay of the log must give what it gave.
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from plaudit_schemas.contract.aspect_declaration import (
    BUILT_IN,
    AspectDeclaration,
    AspectKind,
    AspectLevel,
    Direction,
)
from plaudit_schemas.contract.limits import APPLICATION_PATTERN
from plaudit_schemas.contract.names import COMPARE_MESSAGES, UPDATE_MESSAGE
from plaudit_schemas.contract.rules import RuleViolation
from plaudit_schemas.errors import AspectError, SettingsError

__all__ = [
    "BUILT_IN",
    "OTHER_APPLICATIONS",
    "AspectDeclaration",
    "AspectKind",
    "AspectLevel",
    "Aspects",
    "Direction",
    "read_aspects",
]

OTHER_APPLICATIONS: Final = "*"
"""The name under which a file declares the aspects of every application that it does not name."""


class Aspects:
    """The declared aspects of every application."""

    def __init__(self, by_application: Mapping[str, Sequence[AspectDeclaration]]) -> None:
        """Takes the declarations of each application; OTHER_APPLICATIONS are those that are not named."""
        self._of = {
            application: {declaration.name: declaration for declaration in declarations}
            for application, declarations in by_application.items()
        }
        self._others = self._of.get(OTHER_APPLICATIONS)

    @classmethod
    def none(cls) -> "Aspects":
        """No application declares its aspects."""
        return cls({})

    def __bool__(self) -> bool:
        return bool(self._of)

    def __iter__(self) -> Iterator[tuple[str, tuple[AspectDeclaration, ...]]]:
        """Each application of the file with its declarations."""
        for application, declarations in self._of.items():
            yield application, tuple(declarations.values())

    def declared(self, application: str) -> bool:
        """Whether the application declares its aspects, by name or as one of the others."""
        return self._others is not None or application in self._of

    def of(self, application: str) -> tuple[AspectDeclaration, ...]:
        """What the application declares, in the file's order, without the built-in aspects."""
        return tuple((self._declarations(application) or {}).values())

    def find(self, application: str, name: str) -> AspectDeclaration | None:
        """The declaration of an aspect, which for a built-in one may be Plaudit's own.

        None if the application does not declare its aspects, or lacks this one.
        """
        declarations = self._declarations(application)
        if declarations is None:
            return None
        return declarations.get(name) or BUILT_IN.get(name)

    def knows(self, application: str, name: str) -> bool:
        """Whether the application declares an aspect, or it is one of Plaudit's own."""
        return name in BUILT_IN or self.find(application, name) is not None

    def nearest(self, application: str, name: str) -> str | None:
        """The known name that is most like `name`; None if none is like it."""
        known = [*(self._declarations(application) or ()), *BUILT_IN]
        by_folded = {one.casefold(): one for one in reversed(known)}
        found = get_close_matches(name.casefold(), by_folded, n=1)
        return by_folded[found[0]] if found else None

    def check(self, record: Mapping[str, Any]) -> None:
        """Refuse a valid event that does not fit the declarations.

        Raises:
            AspectError: it does not.
        """
        problem = self.problem(record["application"], record["body"])
        if problem is not None:
            raise AspectError(str(problem))

    def problem(self, application: str, body: tuple[str, Mapping[str, Any]]) -> RuleViolation | None:
        """What does not fit the declarations in an event's body, or None.

        Withdrawals fit if the aspect is declared: what was given under an earlier declaration may be taken
        back.

        Args:
            body: its full schema name and its fields, as a valid record has them.
        """
        name, fields = body
        if name not in (UPDATE_MESSAGE, COMPARE_MESSAGES) or not self.declared(application):
            return None
        judged = fields["feedback"] if name == UPDATE_MESSAGE else fields
        aspect = judged.get("aspect") or "preference"
        declaration = self.find(application, aspect)
        if declaration is None:
            return RuleViolation("aspect", self._undeclared(application, aspect))
        if name == COMPARE_MESSAGES:
            if "comparison" in declaration.kinds:
                return None
            kinds = ", ".join(declaration.kinds)
            return RuleViolation("aspect", f"{aspect} is declared with kinds {kinds}, not comparison")
        value = judged.get("value")
        if value is None:
            return None
        level = "message" if fields.get("message_id") else "conversation"
        return declaration.problem(judged["kind"], value, level)

    def _declarations(self, application: str) -> Mapping[str, AspectDeclaration] | None:
        return self._of.get(application, self._others)

    def _undeclared(self, application: str, name: str) -> str:
        nearest = self.nearest(application, name)
        hint = f"did you mean {nearest}?" if nearest else "`plaudit aspects show` lists those that are"
        return f"{name} is not declared for application {application}; {hint}"


_Name = Annotated[str, StringConstraints(pattern=rf"{APPLICATION_PATTERN}|^\{OTHER_APPLICATIONS}$")]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1]
    applications: dict[_Name, list[AspectDeclaration]] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for application, declarations in self.applications.items():
            names = [declaration.name for declaration in declarations]
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"application {application} declares {name} twice")
            for declaration in declarations:
                own = BUILT_IN.get(declaration.name)
                if own is not None and own.direction != declaration.direction:
                    raise ValueError(
                        f"{own.name} is an aspect of Plaudit's own, and {own.direction} by its meaning"
                    )
        return self


def read_aspects(path: str | Path | None) -> Aspects:
    """Read a file of declared aspects (docs/aspects.md). None or an empty path is no file.

    Raises:
        SettingsError: the file cannot be read, or breaks a rule of the format.
    """
    if not path:
        return Aspects.none()
    # Late: few programs have a file, and a light SDK is quick to load.
    from plaudit_schemas.contract.aspect_file_problems import format_problem  # noqa: PLC0415
    from plaudit_schemas.contract.yaml_files import read_yaml_object  # noqa: PLC0415

    what = f"the aspects file {path}"
    document = read_yaml_object(Path(path), what, "`version` and `applications`")
    try:
        return Aspects(_Document.model_validate(document).applications)
    except ValidationError as error:
        raise SettingsError(f"{what} is not valid: {format_problem(error, document)}") from None
