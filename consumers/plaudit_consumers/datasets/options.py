"""Reads the plan of a snapshot from the options of `plaudit datasets build`, and from the settings."""

from argparse import Namespace
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from plaudit_schemas.contract.aspects import BUILT_IN, Aspects, read_aspects
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.settings import load, variable_of
from plaudit_schemas.settings.connection import ConnectionSettings
from pydantic import ValidationError

from plaudit_consumers.datasets.plan import (
    LEAST_MEMORY_MB,
    Caps,
    SnapshotPlan,
    moment_of,
    shares_of,
    subsets_of,
)
from plaudit_consumers.rows.settings import EVERY_ASPECT, RowRules

_RULES: Final = {
    "training_aspects": "--aspects",
    "training_raters": "--raters",
    "resolve": "--resolve",
    "min_raters": "--min-raters",
    "min_agreement": "--min-agreement",
    "near_tie": "--near-tie",
    "sft_min_score": "--sft-threshold",
    "max_prompt_bytes": "--max-prompt-bytes",
    "training_consent": "--consent",
    "alternating": "--alternating",
    "unrated_sft": "--unrated-sft",
    "pair_min_gap": "--pair-min-gap",
}
"""Rule -> its option, where the option holds one value as it is. `--kto-threshold` holds two."""
_ASPECTS: Final = "training_aspects"
_KTO: Final = ("kto_good_score", "kto_bad_score")


def plan_of(arguments: Namespace, environ: Mapping[str, str] | None = None) -> SnapshotPlan:
    """The plan that the options of the command describe. What they leave open is as the settings say.

    Args:
        environ: None takes `os.environ`.

    Raises:
        SettingsError: an option or a setting is out of range.
    """
    if arguments.memory_mb < LEAST_MEMORY_MB:
        raise SettingsError(f"--memory-mb must be at least {LEAST_MEMORY_MB}")
    if arguments.threads is not None and arguments.threads < 1:
        raise SettingsError("--threads must be at least 1")
    aspects = _aspects_of(arguments, environ)
    return SnapshotPlan(
        output=arguments.output,
        as_of=None if arguments.as_of is None else moment_of(arguments.as_of),
        subsets=subsets_of(arguments.subsets),
        where=arguments.where,
        where_conversation=arguments.where_conversation,
        shares=shares_of(arguments.split),
        salt=arguments.salt,
        rules=rules_of(arguments, aspects, environ),
        aspects=aspects,
        caps=_caps_of(arguments),
        memory_mb=arguments.memory_mb,
        threads=arguments.threads,
    )


def rules_of(arguments: Namespace, aspects: Aspects, environ: Mapping[str, str] | None = None) -> RowRules:
    """The rules for training rows: the options of the command over the settings.

    Raises:
        SettingsError: a rule is out of range, or names an aspect that no application declares.
    """
    given = {rule: getattr(arguments, rule) for rule in _RULES if getattr(arguments, rule) is not None}
    if arguments.kto_threshold is not None:
        given |= dict(zip(_KTO, scores_of(arguments.kto_threshold), strict=True))
    try:
        rules = RowRules.model_validate({**load(RowRules, None, environ).model_dump(), **given})
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        option = _RULES.get(str(first["loc"][0])) if first["loc"] else None
        raise SettingsError(f"{option or '--kto-threshold'}: {message}") from None
    _check_aspects(rules, aspects, _RULES[_ASPECTS] if _ASPECTS in given else variable_of(_ASPECTS))
    return rules


def scores_of(text: str) -> tuple[float, float]:
    """Parse `0.6/0.4` as the scores from which a label is good, and up to which it is bad.

    One number stands for both: the label is true from it on, and false below.

    Raises:
        SettingsError: the text is not one or two numbers.
    """
    try:
        numbers = [float(part) for part in text.split("/")]
        good, bad = numbers if len(numbers) > 1 else numbers * 2
    except ValueError:
        raise SettingsError(f"--kto-threshold {text!r} is not like 0.6/0.4 (good/bad) or 0.5") from None
    return good, bad


def _check_aspects(rules: RowRules, aspects: Aspects, place: str) -> None:
    """Refuse an aspect that no application declares, if there are declarations."""
    if not aspects:
        return
    known = sorted({*BUILT_IN, *(each.name for _, declared in aspects for each in declared)})
    unknown = sorted(rules.aspects - {*known, EVERY_ASPECT})
    if unknown:
        nearest = get_close_matches(unknown[0], known, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"declared are {', '.join(known)}"
        raise SettingsError(f"{place} names {unknown[0]!r}, which no application declares; {hint}")


def _aspects_of(arguments: Namespace, environ: Mapping[str, str] | None) -> Aspects:
    path = arguments.aspects_file or load(ConnectionSettings, None, environ).aspects
    return read_aspects(path) if path else Aspects.none()


def _caps_of(arguments: Namespace) -> Caps:
    caps = Caps(arguments.max_per_prompt, arguments.max_per_user, arguments.max_per_model)
    for name, most in caps._asdict().items():
        if most is not None and most < 1:
            raise SettingsError(f"--max-per-{name} must be at least 1")
    return caps
