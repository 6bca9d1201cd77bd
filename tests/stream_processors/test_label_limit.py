"""Which labels get series of their own."""

import asyncio

import pytest
from plaudit_stream_processors.metrics.label_limit import LabelLimit
from plaudit_stream_processors.metrics.series import Labels


async def _refuse_all(_kind: str, values: list[str]) -> list[bool]:
    return [False] * len(values)


def test_what_is_not_admitted_counts_as_other_and_what_is_unknown_stays_so() -> None:
    labels, unknown = Labels("shop", "large", "7", "price:b", "sdk"), Labels("shop", "", "", "", "sdk")
    assert labels.limited(application=True, model=True, variant=True) == labels
    without_model = labels.limited(application=True, model=False, variant=True)
    assert without_model == Labels("shop", "other", "", "price:b", "sdk")
    without_variant = labels.limited(application=True, model=True, variant=False)
    assert without_variant == Labels("shop", "large", "7", "other", "sdk")
    assert unknown.limited(application=False, model=False, variant=False) == ("other", "", "", "", "sdk")


def test_a_configured_list_of_models_leaves_the_others_out() -> None:
    async def admit_values(kind: str, values: list[str]) -> list[bool]:
        return [kind == "model"] * len(values)

    limit = LabelLimit(admit_values, models=["large"])
    for model in ("large", "small"):
        limit.collect_body({"model": {"id": model, "version": "7"}, "variants": {"price": "b"}})
    limit.collect_application("shop")
    asyncio.run(limit.decide_collected())
    assert limit.series_for(Labels("shop", "large", "7", "price:b", "sdk")) == "other|large|7|other|sdk"
    assert limit.series_for(Labels("shop", "small", "7", "", "sdk")) == "other|other|||sdk"
    assert limit.refused_values == 3


def test_versions_of_a_listed_model_are_limited_too_and_long_values_are_others() -> None:
    asked: list[str] = []

    async def admit_values(_kind: str, values: list[str]) -> list[bool]:
        asked.extend(values)
        return [len(asked) < 3] * len(values)

    limit = LabelLimit(admit_values, models=["large"])
    for version in ("1", "2", "x" * 300, "3"):
        limit.collect_body({"model": {"id": "large", "version": version}})
        asyncio.run(limit.decide_collected())
    admitted = [limit.series_for(Labels("", "large", version, "", "sdk")) for version in ("1", "2", "3")]
    assert admitted == ["other|large|1||sdk", "other|large|2||sdk", "other|other|||sdk"]
    assert all(len(value) < 300 for value in asked)


def test_what_was_refused_is_not_remembered_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plaudit_stream_processors.metrics.label_limit._REMEMBERED", 10)
    limit = LabelLimit(_refuse_all)
    for number in range(100):
        limit.collect_body({"model": {"id": f"m{number}"}})
        asyncio.run(limit.decide_collected())
        assert limit.refused_values <= 10
        assert limit.series_for(Labels("", f"m{number}", "", "", "sdk")) == "other|other|||sdk"
