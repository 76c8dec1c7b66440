"""A relay that demands a token."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from relayprocess import RelayProcess, failure
from wire import PATIENCE, Client, client_of

from signaling.admission import is_token, parse_token
from signaling.client import SignalingClient
from signaling.messages import MAX_TOKEN_CHARACTERS, Error, Joined, Role
from signaling.relay import Relay

StartRelay = Callable[..., Awaitable[Relay]]
TOKEN = "a tökén 🔑"
WRONG = ["", None, "a", TOKEN[:-1], TOKEN + " ", TOKEN.upper(), "x" * MAX_TOKEN_CHARACTERS, "\x00", "👾" * 100]


@pytest.fixture
async def guarded(start_relay: StartRelay) -> Relay:
    return await start_relay(token=TOKEN)


@pytest.fixture
async def guest(guarded: Relay) -> AsyncIterator[Callable[[], Awaitable[Client]]]:
    async with AsyncExitStack() as stack:
        yield lambda: stack.enter_async_context(client_of(guarded.url))


MakeGuest = Callable[[], Awaitable[Client]]


async def join(client: Client, token: object = TOKEN, **payload: str) -> None:
    await client.send("join", {"role": "offerer", "roomId": "lab", "token": token, **payload})


async def test_the_right_token_lets_in(guest: MakeGuest) -> None:
    one, two = await guest(), await guest()
    await join(one)
    await one.expect_joined("offerer", "lab")
    await join(two)
    await two.expect_joined("answerer", "lab")
    await one.expect("ready")
    await two.expect("ready")


@pytest.mark.parametrize("token", WRONG)
async def test_any_other_is_refused_and_the_connection_stays(guest: MakeGuest, token: object) -> None:
    one, two = await guest(), await guest()
    await join(one)
    await one.expect_joined("offerer", "lab")
    await join(two, token)
    assert "token" in await two.expect_error("unauthorized")
    await two.send("offer", {})
    await two.expect_error("not-in-room")
    await one.expect_nothing()
    await join(two)
    await two.expect_joined("answerer", "lab")


async def test_it_is_demanded_each_time_and_a_wrong_one_costs_no_place(guest: MakeGuest) -> None:
    one, two, three = await guest(), await guest(), await guest()
    await join(one)
    secret = (await one.expect_joined("offerer", "lab"))["resume"]
    await join(two)
    await two.expect_joined("answerer", "lab")
    await one.expect("ready")
    await two.expect("ready")
    await join(two, "wrong")
    await two.expect_error("unauthorized")
    await join(three, "wrong", resume=secret)
    await three.expect_error("unauthorized")
    await two.send("answer", {})
    await one.expect_forwarded("answer", {})


async def test_who_goes_on_guessing_is_cut_off(guest: MakeGuest) -> None:
    one, two = await guest(), await guest()
    for guess in range(5):
        await join(one, f"guess {guess}")
        await one.expect_error("unauthorized")
    await join(one, "one more")
    await join(one)  # too late
    assert await one.expect_closed() == 1008
    await join(two)
    await two.expect_joined("offerer", "lab")


async def test_without_one_a_relay_takes_any(relay: Relay) -> None:
    async with client_of(relay.url) as one, client_of(relay.url) as two:
        await join(one, "whatever")
        await one.expect_joined("offerer", "lab")
        await join(two, None)
        await two.expect_joined("answerer", "lab")


async def test_a_client_sends_its_token(guarded: Relay) -> None:
    for token, answer in ((TOKEN, Joined), ("wrong", Error), (None, Error)):
        async with SignalingClient(guarded.url, role=Role.OFFERER, token=token) as signaling, asyncio.timeout(PATIENCE):
            heard = [await anext(events := aiter(signaling)), await anext(events)]
        assert isinstance(heard[1], answer)


@pytest.mark.parametrize(("option", "variable"), [(["--token", "t"], {}), ([], {"SIGNALING_TOKEN": "t"})])
async def test_it_is_given_by_option_or_environment(option: list[str], variable: dict[str, str]) -> None:
    async with (
        RelayProcess.start("--port", "0", *option, **variable) as relay,
        client_of(relay.url) as one,
        client_of(relay.url) as two,
    ):
        await join(one, "wrong")
        await one.expect_error("unauthorized")
        for client, role in ((one, "offerer"), (two, "answerer")):
            await join(client, "t")
            await client.expect_joined(role, "lab")


async def test_it_is_not_logged(guarded: Relay) -> None:
    secret = "secret-in-the-environment"
    async with RelayProcess.start("--port", "0", "-vv", SIGNALING_TOKEN=secret) as relay:
        async with client_of(relay.url) as one:
            await join(one, "guessed-" + secret)
            await one.expect_error("unauthorized")
            await join(
                one, secret, roomId="a room with a name that is rather long, so that what is logged is shortened"
            )
            await one.expect("joined", roomId=..., role="offerer", resume=...)
        relay.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            output, errors = await relay.process.communicate()
    assert b"TEXT" in errors, "messages are logged"
    for part in secret, "environment", "secret-in":
        assert part.encode() not in output + errors
    assert secret not in repr(guarded.config)
    assert TOKEN not in repr(guarded.config)


async def test_a_client_does_not_log_it_either(guarded: Relay, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with SignalingClient(guarded.url, role=Role.OFFERER, room="lab", token=TOKEN) as signaling:
        async with asyncio.timeout(PATIENCE):
            async for event in signaling:
                if isinstance(event, Joined):
                    break
    assert "TEXT with a token" in caplog.text
    assert "🔑" not in caplog.text
    assert "ud83d" not in caplog.text, "escaped, as it is sent"


@pytest.mark.parametrize("token", ["", "x" * (MAX_TOKEN_CHARACTERS + 1)])
async def test_what_can_be_no_token_is_told(token: str) -> None:
    code, errors = await failure("--token", token, "--port", "0")
    assert code == 2
    assert "token" in errors.splitlines()[-1]
    assert "xxxx" not in errors


def test_tokens_are_compared_whole() -> None:
    assert is_token(TOKEN, TOKEN)
    assert not any(is_token(wrong, TOKEN) for wrong in WRONG)
    with pytest.raises(ValueError, match="Unicode"):
        parse_token("\udcff")
    assert parse_token(TOKEN) == TOKEN
