"""The licence of a data card, in the words of the Hub."""

import re

import pytest
from plaudit_consumers.datasets.licences import HUB_LICENCES, licence_yaml


@pytest.mark.parametrize(
    ("found", "said"),
    [
        pytest.param({"CC-BY-NC-4.0"}, "cc-by-nc-4.0", id="non-commercial"),
        pytest.param({"bigcode-openrail-m"}, "bigcode-openrail-m", id="two-hyphens"),
        pytest.param({"by-nc-4.0"}, 'other\nlicense_name: "by-nc-4.0"', id="part-of-a-name"),
        pytest.param({"Acme"}, 'other\nlicense_name: "Acme"', id="of-a-company"),
        pytest.param({"mit", "apache-2.0"}, "other", id="two"),
        pytest.param({""}, "unknown", id="none"),
        pytest.param(set(), "unknown", id="no-rows"),
    ],
)
def test_a_licence_is_written_as_the_hub_takes_it(found: set[str], said: str) -> None:
    assert licence_yaml(found) == said


def test_every_known_licence_is_a_whole_name() -> None:
    odd = [name for name in HUB_LICENCES if not re.fullmatch(r"[a-z][a-z0-9.+-]*[a-z0-9+]", name)]
    assert odd == []
