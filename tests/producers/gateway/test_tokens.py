"""Browser tokens: nothing but what this gateway signed, for as long as it said."""

import asyncio
import base64
import json
from typing import Any

import jwt
import pytest
import redis.asyncio
from hypothesis import given
from hypothesis import strategies as st
from plaudit_producers.gateway.access.browser_tokens import TokenVerifier, mint_token, verify_token
from plaudit_producers.gateway.access.principals import PageScope, Principal
from plaudit_producers.gateway.access.signing_keys import (
    KNOWN_S,
    ROTATE_S,
    ConfiguredSigningKeys,
    SharedSigningKeys,
    signing_keys_of,
)
from plaudit_producers.gateway.errors import UnauthenticatedError
from plaudit_producers.gateway.settings import GatewaySettings
from pydantic import SecretStr, ValidationError

NOW = 1_790_000_000.0
SECRETS = {"k1": "a" * 64, "k2": "b" * 64}
PRINCIPAL = Principal(
    "shop", "key1", page=PageScope("c1", "u-1", frozenset(("user",)), read=True, grants=frozenset(("tags",)))
)
TOKEN, ENDS = mint_token(PRINCIPAL, 60, ("k1", SECRETS["k1"]), NOW)
CLAIMS = jwt.decode(TOKEN, options={"verify_signature": False})


def test_a_token_gives_back_its_principal_until_it_ends() -> None:
    assert verify_token(TOKEN, SECRETS, NOW) == (PRINCIPAL, NOW + 60)
    assert verify_token(TOKEN, SECRETS, ENDS - 0.001).principal == PRINCIPAL
    with pytest.raises(UnauthenticatedError, match="ended"):
        verify_token(TOKEN, SECRETS, ENDS)


def test_only_a_page_gets_a_token() -> None:
    with pytest.raises(ValueError, match="page"):
        mint_token(Principal("shop", "key1"), 60, ("k1", SECRETS["k1"]), NOW)


def forged(
    claims: dict[str, Any], *, secret: str = SECRETS["k1"], kid: str | None = "k1", how: str = "HS256"
) -> str:
    return jwt.encode(claims, secret, how, headers={"kid": kid} if kid is not None else {})


UNSIGNED = ".".join(
    base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
    for part in ({"alg": "none", "kid": "k1"}, {**CLAIMS, "cid": "c2"})
)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param(".", id="one dot"),
        pytest.param("..", id="two dots"),
        pytest.param("a.b.c", id="letters"),
        pytest.param("\udcff.\udcff.\udcff", id="lone surrogates"),
        pytest.param(UNSIGNED + ".", id="unsigned"),
        pytest.param(UNSIGNED, id="unsigned without its dot"),
        pytest.param(TOKEN + "x", id="signature too long"),
        pytest.param(TOKEN[:-2], id="signature cut off"),
        pytest.param(forged(CLAIMS, secret="c" * 64), id="another secret"),
        pytest.param(forged(CLAIMS, kid="k2"), id="another key's id"),
        pytest.param(forged(CLAIMS, kid="k9"), id="unknown key id"),
        pytest.param(forged(CLAIMS, kid=None), id="no key id"),
        pytest.param(forged(CLAIMS, how="HS512"), id="another algorithm"),
        *(
            pytest.param(
                forged({name: value for name, value in CLAIMS.items() if name != missing}),
                id=f"without {missing}",
            )
            for missing in CLAIMS
            if missing not in ("sub", "grants")
        ),
        pytest.param(forged({**CLAIMS, "iss": "another"}), id="another issuer"),
        pytest.param(forged({**CLAIMS, "cid": ""}), id="empty conversation"),
        pytest.param(forged({**CLAIMS, "cid": ["c1"]}), id="conversation as a list"),
        pytest.param(forged({**CLAIMS, "app": 1}), id="application as a number"),
        pytest.param(forged({**CLAIMS, "roles": ["king"]}), id="unknown role"),
        pytest.param(forged({**CLAIMS, "roles": 1}), id="roles as a number"),
        pytest.param(forged({**CLAIMS, "exp": "soon"}), id="end in words"),
        pytest.param(forged({**CLAIMS, "grants": 1}), id="grants as a number"),
        pytest.param(forged({**CLAIMS, "grants": [["tags"]]}), id="grants in lists"),
    ],
)
def test_what_this_gateway_did_not_sign_is_refused(token: str) -> None:
    with pytest.raises(UnauthenticatedError):
        verify_token(token, SECRETS, NOW)


@pytest.mark.parametrize(
    ("claimed", "granted"),
    [
        pytest.param(None, set(), id="none, as the release before"),
        pytest.param(["consent", "tags"], {"consent", "tags"}, id="some"),
        pytest.param(["tags", "fly"], {"tags"}, id="one of a later release"),
    ],
)
def test_a_token_grants_what_it_names(claimed: list[str] | None, granted: set[str]) -> None:
    claims = {name: value for name, value in CLAIMS.items() if name != "grants"}
    page = verify_token(forged(claims if claimed is None else {**claims, "grants": claimed}), SECRETS, NOW)
    assert page.principal.page is not None
    assert page.principal.page.grants == granted


@given(st.integers(0, len(TOKEN) - 1), st.characters(codec="ascii"))
def test_no_changed_character_gets_in_elsewhere(place: int, character: str) -> None:
    changed = TOKEN[:place] + character + TOKEN[place + 1 :]
    try:
        grant = verify_token(changed, SECRETS, NOW)
    except UnauthenticatedError:
        return
    # The last characters of base64 hold bits that mean nothing.
    assert grant == (PRINCIPAL, ENDS)


def test_a_remembered_token_ends_all_the_same() -> None:
    now = [NOW]
    asked: list[int] = []

    def secrets() -> dict[str, str]:
        asked.append(1)
        return SECRETS

    verifier = TokenVerifier(secrets, lambda: now[0])
    assert [verifier(TOKEN).principal for _ in range(5)] == [PRINCIPAL] * 5
    assert len(asked) == 1
    now[0] = ENDS + 1
    with pytest.raises(UnauthenticatedError):
        verifier(TOKEN)


def test_configured_keys_sign_with_the_first_and_believe_all() -> None:
    settings = GatewaySettings(gateway_token_secret=SecretStr(f"new:{'n' * 32}, old:{'o' * 32}"))
    keys = signing_keys_of(settings, None, "")
    assert isinstance(keys, ConfiguredSigningKeys)
    asyncio.run(keys.refresh())
    assert keys.current == ("new", "n" * 32)
    assert set(keys.secrets) == {"new", "old"}


def test_an_id_has_one_secret() -> None:
    with pytest.raises(ValidationError, match="two secrets for the id k1"):
        GatewaySettings(gateway_token_secret=SecretStr(f"k1:{'n' * 32},k2:{'m' * 32},k1:{'o' * 32}"))


@pytest.mark.redis
def test_shared_keys_change_every_day_and_outlive_their_tokens(valkey: str) -> None:
    now = [NOW]

    async def run() -> None:
        async with redis.asyncio.Redis.from_url(valkey) as client:
            one, two = (SharedSigningKeys(client, "rotate.", 3600, lambda: now[0]) for _ in range(2))
            assert one.secrets == {}
            await asyncio.gather(one.refresh(), two.refresh())
            await one.refresh()
            await two.refresh()
            assert one.current == two.current
            now[0] += ROTATE_S
            first = one.current
            assert first is not None
            now[0] += 1
            await two.refresh()
            assert two.current == first, "the others have not read the new one yet"
            now[0] += KNOWN_S
            assert two.current != first
            assert dict([first]).items() <= two.secrets.items()
            await one.refresh()
            assert one.current == two.current
            now[0] += 2 * ROTATE_S + 3600 - KNOWN_S
            await one.refresh()
            assert first[0] not in one.secrets
            assert len(one.secrets) == 2

    asyncio.run(run())


@pytest.mark.redis
def test_tokens_outlive_an_emptied_redis(valkey: str) -> None:
    async def run() -> None:
        async with redis.asyncio.Redis.from_url(valkey) as client:
            one, two, new = (SharedSigningKeys(client, "emptied.", 3600, lambda: NOW) for _ in range(3))
            await one.refresh()
            await two.refresh()
            assert one.current is not None
            token, _ = mint_token(PRINCIPAL, 60, one.current, NOW)
            await client.delete("emptied.plaudit:token-keys")
            await new.refresh()  # a gateway that starts now knows nothing, and makes a key of its own
            assert not new.secrets.keys() & one.secrets.keys()
            await two.refresh()
            await new.refresh()
            for each in (one, two, new):
                assert verify_token(token, each.secrets, NOW).principal == PRINCIPAL

    asyncio.run(run())


@pytest.mark.redis
def test_a_key_that_is_too_old_is_not_put_back(valkey: str) -> None:
    now = [NOW]

    async def run() -> None:
        async with redis.asyncio.Redis.from_url(valkey) as client:
            keys = SharedSigningKeys(client, "old.", 3600, lambda: now[0])
            await keys.refresh()
            first = keys.current
            assert first is not None
            await client.delete("old.plaudit:token-keys")
            now[0] += 3 * ROTATE_S
            await keys.refresh()
            assert first[0] not in keys.secrets
            assert not await client.hexists("old.plaudit:token-keys", first[0])

    asyncio.run(run())
