"""Every line of the protocol, over real sockets, with the exact fields."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from test_signaling_messages import JUNK
from wire import BareSocket, Client, joined_pair, until_clients

from signaling.relay import Relay

MakeClient = Callable[..., Awaitable[Client]]

OFFER = {"type": "offer", "sdp": "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n"}
ANSWER = {"type": "answer", "sdp": "v=0\r\n"}
CANDIDATE = {"candidate": "candidate:1 1 udp 1 192.0.2.1 9 typ host", "sdpMid": "0", "sdpMLineIndex": 0}


class TestReplies:
    async def test_welcome_comes_at_once_on_any_path(self, client: MakeClient) -> None:
        ids = {(await client(path)).id for path in ("/", "/ws", "/a/b?c=d", "/%2e%2e/x")}
        assert len(ids) == 4

    async def test_ping_is_answered_with_pong(self, client: MakeClient) -> None:
        one = await client()
        await one.send("ping")
        assert await one.receive() == {"type": "pong"}
        await one.send("ping", {})
        assert await one.receive() == {"type": "pong"}

    async def test_compression_is_not_spoken(self, client: MakeClient) -> None:
        one = await client(compression="deflate")
        assert "Sec-WebSocket-Extensions" not in one.socket.response.headers

    async def test_two_come_together(self, client: MakeClient) -> None:
        one, two = await client(), await client()
        room = await one.join("offerer")
        await one.expect_nothing()
        assert await two.join("answerer") == room
        await one.expect("ready")
        await two.expect("ready")

    @pytest.mark.parametrize("payload", [OFFER, "a string", None, [], 0.1, {"": {"ü": "🎥"}}])
    async def test_payloads_are_forwarded_untouched(self, client: MakeClient, payload: object) -> None:
        one, two = await client(), await client()
        await joined_pair(one, two)
        for kind in "offer", "answer", "ice-candidate":
            await one.send(kind, payload)
            await two.expect_forwarded(kind, payload)
            await two.send(kind, payload)
            await one.expect_forwarded(kind, payload)
        await one.expect_nothing()

    async def test_the_fields_beside_the_payload_are_not_forwarded(self, client: MakeClient) -> None:
        one, two = await client(), await client()
        await joined_pair(one, two)
        await one.send_text('{"type":"offer","payload":1,"roomId":"x","type":"answer"}')
        await two.expect_forwarded("answer", 1)


class TestPairing:
    async def test_the_longest_waiting_room_comes_first(self, client: MakeClient) -> None:
        hosts = [await client() for _ in range(3)]
        names = [await host.join("offerer", f"open-{number:032x}") for number, host in enumerate(hosts)]
        for host, name in zip(hosts, names, strict=True):
            guest = await client()
            assert await guest.join("answerer") == name
            await guest.expect("ready")
            await host.expect("ready")
        assert await (await client()).join("answerer") not in names

    async def test_nobody_comes_into_a_named_room_without_its_name(self, client: MakeClient) -> None:
        host, stranger, guest = await client(), await client(), await client()
        await host.join("offerer", "lab")
        assert await stranger.join("answerer") != "lab"
        await host.expect_nothing()
        await guest.join("answerer", "lab")
        await host.expect("ready")

    async def test_a_name_brings_two_together_past_those_who_wait(self, client: MakeClient) -> None:
        waiting, one, two = await client(), await client(), await client()
        await waiting.join("offerer")
        await joined_pair(one, two, "lab")
        await waiting.expect_nothing()

    @pytest.mark.parametrize("role", ["offerer", "answerer"])
    async def test_the_later_of_two_with_one_role_gets_the_other(self, client: MakeClient, role: str) -> None:
        one, two = await client(), await client()
        await one.join(role, "lab")
        await two.join(role, "lab", given={"offerer": "answerer", "answerer": "offerer"}[role])
        await one.expect("ready")
        await two.expect("ready")

    async def test_a_third_in_a_named_room_is_refused_and_stays_connected(self, client: MakeClient) -> None:
        one, two, three = await client(), await client(), await client()
        await joined_pair(one, two, "lab")
        await three.send("join", {"role": "offerer", "roomId": "lab"})
        await three.expect_error("room-full")
        await three.expect_nothing()
        await one.expect_nothing()
        await two.expect_nothing()
        assert await three.join("offerer", "elsewhere") == "elsewhere"

    @pytest.mark.parametrize("name", ["", None])
    async def test_an_empty_name_is_no_name(self, client: MakeClient, name: object) -> None:
        one, two = await client(), await client()
        room = await one.join()
        await two.send("join", {"role": "answerer", "roomId": name})
        await two.expect_joined("answerer", room)

    async def test_room_names_are_any_text(self, client: MakeClient) -> None:
        one, two = await client(), await client()
        await joined_pair(one, two, "客厅 \x1b[2J\u202e🎥 __proto__")


class TestRejoining:
    async def test_alone_it_is_never_paired_with_itself(self, client: MakeClient) -> None:
        one = await client()
        rooms = {await one.join(role) for role in ("offerer", "answerer", "offerer")}
        assert len(rooms) == 3
        await one.expect_nothing()

    async def test_to_change_role_after_the_partner_left(self, client: MakeClient) -> None:
        one, two, three = await client(), await client(), await client()
        await joined_pair(one, two, "lab")
        await two.socket.close()
        await one.expect("peer-disconnected")
        await one.join("answerer", "lab")
        await three.join("offerer", "lab")
        await one.expect("ready")
        await three.expect("ready")

    async def test_it_leaves_its_old_room_first(self, client: MakeClient) -> None:
        one, two = await client(), await client()
        await joined_pair(one, two, "lab")
        await two.join("answerer", "elsewhere")
        await one.expect("peer-disconnected")
        await two.expect_nothing()
        await one.send("offer", OFFER)
        await two.expect_nothing()

    async def test_into_the_same_room(self, client: MakeClient) -> None:
        one, two = await client(), await client()
        await joined_pair(one, two, "lab")
        await one.join("offerer", "lab")
        await two.expect("peer-disconnected")
        await one.expect("ready")
        await two.expect("ready")

    async def test_ten_times_in_a_row(self, client: MakeClient) -> None:
        one = await client()
        await one.join("offerer", "lab")
        for _ in range(10):
            two = await client()
            await two.join("answerer", "lab")
            await one.expect("ready")
            await two.socket.close()
            await one.expect("peer-disconnected")


class TestLeaving:
    async def test_leave_ends_membership_but_not_the_connection(self, client: MakeClient) -> None:
        one, two = await client(), await client()
        await joined_pair(one, two, "lab")
        await one.send("leave")
        await two.expect("peer-disconnected")
        await one.expect_nothing()
        await one.send("offer", OFFER)
        await one.expect_error("not-in-room")
        await one.send("leave")
        await one.expect_nothing()
        await one.join("answerer", "lab", given="offerer")
        await two.expect("ready")

    @pytest.mark.parametrize("way", ["close", "abort"])
    @pytest.mark.parametrize("moment", ["connected", "joined", "offered", "paired", "answered"])
    async def test_at_every_moment_only_the_partner_is_told(
        self, client: MakeClient, relay: Relay, moment: str, way: str
    ) -> None:
        others = [await client(), await client()]
        await joined_pair(*others, "others")
        one, two = await client(), await client()
        if moment != "connected":
            await one.join("offerer", "lab")
        if moment == "offered":
            await one.send("offer", OFFER)
            await one.expect_nothing()
        if moment in ("paired", "answered"):
            await two.join("answerer", "lab")
            await one.expect("ready")
            await two.expect("ready")
        if moment == "answered":
            await one.send("offer", OFFER)
            await two.expect_forwarded("offer", OFFER)
            await two.send("answer", ANSWER)
            await one.expect_forwarded("answer", ANSWER)
        if way == "close":
            await one.socket.close()
        else:
            one.socket.transport.abort()
        await until_clients(relay, 3)
        if moment in ("paired", "answered"):
            await two.expect("peer-disconnected")
            await two.send("answer", ANSWER)
        await two.join("offerer", "lab")  # nobody's role is in the way, no offer is left
        await two.expect_nothing()
        for other in others:
            await other.expect_nothing()

    async def test_the_last_words_before_a_close_arrive(self, client: MakeClient, relay: Relay) -> None:
        two = await client()
        async with BareSocket.open(relay.address) as one:
            await one.shake_hands()
            one.send_frame(0x1, b'{"type":"join","payload":{"role":"offerer","roomId":"lab"}}')
            await one.read_frame()
            await two.join("answerer", "lab")
            await two.expect("ready")
            one.send_frame(0x1, b'{"type":"ice-candidate","payload":1}')
            one.send_frame(0x8, (1000).to_bytes(2))
            await two.expect_forwarded("ice-candidate", 1)
            await two.expect("peer-disconnected")
            assert await one.read_close() == 1000


class TestKeptOffer:
    async def test_it_comes_after_ready_with_its_candidates(self, client: MakeClient) -> None:
        one, two = await client(), await client()
        room = await one.join("offerer")
        await one.send("offer", "an earlier one")
        await one.send("offer", OFFER)
        await one.send("ice-candidate", CANDIDATE)
        await one.send("ice-candidate", None)
        await one.expect_nothing()
        await two.join("answerer", room)
        await two.expect("ready")
        await two.expect_forwarded("offer", OFFER)
        await two.expect_forwarded("ice-candidate", CANDIDATE)
        await two.expect_forwarded("ice-candidate", None)
        await two.expect_nothing()
        await one.expect("ready")

    async def test_it_is_dropped_when_its_sender_joins_again(self, client: MakeClient) -> None:
        one, two = await client(), await client()
        await one.join("offerer", "lab")
        await one.send("offer", OFFER)
        await one.join("offerer", "lab")
        await two.join("answerer", "lab")
        await two.expect("ready")
        await two.expect_nothing()


class TestResume:
    async def test_a_client_takes_its_place_again_and_the_partner_sees_nothing(self, client: MakeClient) -> None:
        one, two, again = await client(), await client(), await client()
        await one.send("join", {"role": "offerer", "roomId": "lab"})
        secret = (await one.expect_joined("offerer", "lab"))["resume"]
        await two.join("answerer", "lab")
        await one.expect("ready")
        await two.expect("ready")
        await one.send("offer", OFFER)
        await two.expect_forwarded("offer", OFFER)
        await again.send("join", {"role": "offerer", "roomId": "lab", "resume": secret})
        assert (await again.expect_joined("offerer", "lab"))["resume"] == secret
        await one.expect_error("replaced")
        one.socket.transport.abort()
        await two.send("answer", ANSWER)
        await again.expect_forwarded("answer", ANSWER)
        await two.expect_nothing()

    async def test_a_wrong_secret_opens_no_full_room(self, client: MakeClient) -> None:
        one, two, three = await client(), await client(), await client()
        await joined_pair(one, two, "lab")
        await three.send("join", {"role": "offerer", "roomId": "lab", "resume": "guess"})
        await three.expect_error("room-full")


class TestJunk:
    async def test_each_gets_its_error_and_nobody_else_notices(self, client: MakeClient) -> None:
        one, two = await client(), await client()
        await joined_pair(one, two)
        for text, code in JUNK.items():
            if "\ud800" in text:
                continue  # no UTF-8: below
            bad = await client()
            await bad.send_text(text)
            await bad.expect_error(code)
            await bad.join("offerer", "alone")
            await bad.send_text(text)
            await bad.expect_error(code)
            await bad.send("ping")
            assert await bad.receive() == {"type": "pong"}
            await bad.socket.close()
        await one.expect_nothing()
        await two.expect_nothing()

    async def test_from_within_a_pair_the_partner_does_not_notice(self, client: MakeClient) -> None:
        one, two = await client(), await client()
        await joined_pair(one, two)
        for text, code in [("{", "bad-message"), ('{"type":"party"}', "unknown-type"), ("NaN", "bad-message")]:
            await one.send_text(text)
            await one.expect_error(code)
        await one.send("join", {"role": "boss"})
        await one.expect_error("bad-role")
        await two.expect_nothing()
        await one.send("offer", OFFER)
        await two.expect_forwarded("offer", OFFER)

    async def test_a_binary_frame_is_an_error(self, client: MakeClient) -> None:
        one = await client()
        for data in b"", b"\xff", b'{"type":"ping"}':
            await one.send_text(data)
            await one.expect_error("bad-message")

    async def test_outside_a_room_nothing_is_forwarded(self, client: MakeClient) -> None:
        one = await client()
        for kind in "offer", "answer", "ice-candidate":
            await one.send(kind, {})
            assert kind in await one.expect_error("not-in-room")

    async def test_a_message_in_fragments_is_one_message(self, client: MakeClient) -> None:
        one = await client()
        await one.send_text(iter(['{"ty', 'pe":"', "", 'ping"}']))
        assert await one.receive() == {"type": "pong"}

    async def test_text_that_is_no_utf8_ends_the_connection(self, client: MakeClient) -> None:
        one, two = await client(), await client()
        await joined_pair(one, two)
        await one.send_text(b'{"type":"offer","payload":"\xff"}', as_text=True)
        assert await one.expect_closed() == 1007
        await two.expect("peer-disconnected")

    async def test_a_message_too_long_ends_the_connection(self, client: MakeClient) -> None:
        one, two = await client(), await client()
        await joined_pair(one, two)
        frame = len('{"type": "offer", "payload": ""}')
        await one.send("offer", "x" * (64 * 1024 - frame))
        await two.expect_forwarded("offer", "x" * (64 * 1024 - frame))
        await one.send("offer", "x" * (64 * 1024 - frame + 1))
        assert await one.expect_closed() == 1009
        await two.expect("peer-disconnected")

    @pytest.mark.parametrize(
        ("junk", "code"),
        [
            (b"\x81\x05hello", 1002),  # not masked
            (b"\xf1\x80\0\0\0\0", 1002),  # reserved bits
            (b"\x83\x80\0\0\0\0", 1002),  # an opcode that doesn't exist
            (b"\x80\x80\0\0\0\0", 1002),  # a continuation of nothing
            (b"\x89\xfe\x00\x7e" + bytes(130), 1002),  # a ping that is too long
            (b"\x88\x82\0\0\0\0\x03\xed", 1002),  # a close with a code that is never sent
            (b"\x81\xff" + b"\x7f" + b"\xff" * 7 + bytes(4), 1009),  # nine exabytes to come
        ],
    )
    async def test_broken_frames_end_the_connection(
        self, client: MakeClient, relay: Relay, junk: bytes, code: int
    ) -> None:
        witness = await client()
        async with BareSocket.open(relay.address) as bare:
            await bare.shake_hands()
            bare.writer.write(junk)
            assert await bare.read_close() == code
            assert await bare.read_to_end() == b""
        await witness.expect_nothing()


async def test_many_pairs_at_once(client: MakeClient) -> None:
    clients = [await client() for _ in range(40)]

    async def talk(one: Client, two: Client, room: str) -> None:
        await joined_pair(one, two, room)
        for number in range(20):
            await one.send("ice-candidate", [room, number])
            await two.send("ice-candidate", [number, room])
        for number in range(20):
            await two.expect_forwarded("ice-candidate", [room, number])
            await one.expect_forwarded("ice-candidate", [number, room])

    pairs = zip(clients[::2], clients[1::2], strict=True)
    await asyncio.gather(*(talk(one, two, f"room {index}") for index, (one, two) in enumerate(pairs)))
