"""What the settings of a scorer refuse."""

import pytest
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.settings import load
from plaudit_stream_processors.scoring.settings import ScorerSettings


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        pytest.param("PLAUDIT_SCORER_MIN_DELAY_S", "6", id="longer-than-publishers-must-wait"),
        pytest.param("PLAUDIT_SCORER_MIN_DELAY_S", "0", id="no-delay"),
        pytest.param("PLAUDIT_SCORER_SAMPLE", "0", id="nothing-in-the-sample"),
        pytest.param("PLAUDIT_SCORER_SAMPLE", "1.1", id="more-than-all"),
    ],
)
def test_a_value_that_would_miss_answers_or_publications_is_refused(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        load(ScorerSettings, environ={variable: value})
