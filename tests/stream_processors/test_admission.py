"""Which labels get series of their own."""

import asyncio

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


def test_a_configured_list_of_models_wins_over_what_the_others_say() -> None:
    admission = Admission(_nobody, models=["large"])
    for model in ("large", "small"):
        admission.note({"model": {"id": model, "version": "7"}, "variants": {"price": "b"}})
    admission.note_application("shop")
    asyncio.run(admission.settle())
    assert admission.admit(Labels("shop", "large", "7", "price:b", "sdk")) == "other|large|7|other|sdk"
    assert admission.admit(Labels("shop", "small", "7", "", "sdk")) == "other|other|||sdk"
    assert admission.refused == 3
