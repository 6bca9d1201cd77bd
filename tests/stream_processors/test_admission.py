"""Which labels get series of their own."""

import asyncio

import pytest
from plaudit_stream_processors.metrics.admission import Admission
from plaudit_stream_processors.metrics.series import Labels


async def _nobody(_kind: str, values: list[str]) -> list[bool]:
    return [False] * len(values)


def test_what_is_not_admitted_counts_as_other_and_what_is_unknown_stays_so() -> None:
    labels, unknown = Labels("shop", "large", "7", "price:b", "sdk"), Labels("shop", "", "", "", "sdk")
    assert labels.admitted(application=True, model=True, variant=True) == labels
    without_model = labels.admitted(application=True, model=False, variant=True)
    assert without_model == Labels("shop", "other", "", "price:b", "sdk")
    without_variant = labels.admitted(application=True, model=True, variant=False)
    assert without_variant == Labels("shop", "large", "7", "other", "sdk")
    assert unknown.admitted(application=False, model=False, variant=False) == ("other", "", "", "", "sdk")


def test_a_configured_list_of_models_leaves_the_others_out() -> None:
    async def ask(kind: str, values: list[str]) -> list[bool]:
        return [kind == "model"] * len(values)

    admission = Admission(ask, models=["large"])
    for model in ("large", "small"):
        admission.note({"model": {"id": model, "version": "7"}, "variants": {"price": "b"}})
    admission.note_application("shop")
    asyncio.run(admission.settle())
    assert admission.admit(Labels("shop", "large", "7", "price:b", "sdk")) == "other|large|7|other|sdk"
    assert admission.admit(Labels("shop", "small", "7", "", "sdk")) == "other|other|||sdk"
    assert admission.refused == 3


def test_versions_of_a_listed_model_are_limited_too_and_long_values_are_others() -> None:
    asked: list[str] = []

    async def ask(_kind: str, values: list[str]) -> list[bool]:
        asked.extend(values)
        return [len(asked) < 3] * len(values)

    admission = Admission(ask, models=["large"])
    for version in ("1", "2", "x" * 300, "3"):
        admission.note({"model": {"id": "large", "version": version}})
        asyncio.run(admission.settle())
    admitted = [admission.admit(Labels("", "large", version, "", "sdk")) for version in ("1", "2", "3")]
    assert admitted == ["other|large|1||sdk", "other|large|2||sdk", "other|other|||sdk"]
    assert all(len(value) < 300 for value in asked)


def test_what_was_refused_is_not_remembered_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plaudit_stream_processors.metrics.admission._REMEMBERED", 10)
    admission = Admission(_nobody)
    for number in range(100):
        admission.note({"model": {"id": f"m{number}"}})
        asyncio.run(admission.settle())
        assert admission.refused <= 10
        assert admission.admit(Labels("", f"m{number}", "", "", "sdk")) == "other|other|||sdk"
