"""What the page does with offers, answers and candidates, seen by a bare client in its partner's place."""

import json
from collections.abc import AsyncIterator, Callable

import pytest
from playwright.async_api import Page
from websockets.asyncio.client import connect

from signaling.relay import Relay
from tests.browser.callpage import CallPage
from tests.browser.conftest import OpenCallPage
from tests.browser.partner import Partner

STRANGER_OFFERS = """
async () => {
  const stream = await navigator.mediaDevices.getUserMedia({ video: true });
  globalThis.connection = new RTCPeerConnection();
  for (const track of stream.getTracks()) connection.addTrack(track, stream);
  const gathered = new Promise((resolve) => {
    const candidates = [];
    connection.onicecandidate = ({ candidate }) => (candidate ? candidates.push(candidate) : resolve(candidates));
  });
  await connection.setLocalDescription();
  const { sdp } = connection.localDescription;
  return { sdp, candidates: (await gathered).map((candidate) => candidate.toJSON()) };
}
"""

GLARE = """
async () => {
  // A way from one session to the other whose relay gives both the same role.
  const link = () => {
    const ends = [{}, {}];
    ends.forEach((end, index) => Object.assign(end, {
      join: ({ role }) => {
        end.role = role;
        if (!ends.every((one) => one.role)) return;
        for (const { onmessage, onstate, role } of ends) {
          onstate("open");
          onmessage({ type: "joined", role, roomId: "glare" });
          onmessage({ type: "ready" });
        }
      },
      send: (type, payload) => setTimeout(() => ends[1 - index].onmessage({ type, payload: structuredClone(payload) })),
      close: () => {},
    }));
    return ends;
  };
  const [one, other] = link();
  const sessions = [one, other].map((channel) => {
    const session = new call.Session({ iceServers: () => [] });
    session.join(channel, { role: "offerer" });
    return session;
  });
  const connected = sessions.map((session) => new Promise((resolve) => {
    session.onchange = () => session.phase === "connected" && resolve();
  }));
  const { stream } = await call.openMedia();
  for (const session of sessions) session.start(stream);
  await Promise.all(connected);
  return sessions.map((session) => session.connection.localDescription.type).sort();
}
"""

Offer = dict[str, str]


@pytest.fixture
async def partner(relay: Relay) -> AsyncIterator[Partner]:
    async with connect(relay.url) as socket:
        yield Partner(socket)


async def answerer_with(partner: Partner, call_page: OpenCallPage, relay: Relay) -> CallPage:
    """A page that waits for the offer of `partner`."""
    answerer = await call_page(relay.page_url, role="answerer", room="lab", start=True)
    await answerer.until(phase="waiting-started")
    await partner.send("join", {"role": "offerer", "roomId": "lab"})
    await answerer.until(phase="expecting")
    return answerer


async def stranger_beside(page: CallPage, relay: Relay) -> Page:
    """A tab whose own RTCPeerConnection a test can use."""
    tab = await page.tab.context.new_page()
    await tab.goto(relay.page_url)
    return tab


async def offer_from(tab: Page) -> Offer:
    return {"type": "offer", "sdp": (await tab.evaluate(STRANGER_OFFERS))["sdp"]}


def identity(sdp: str) -> list[str]:
    """The lines that only a description of the same connection has."""
    return [line for line in sdp.splitlines() if line.startswith(("o=", "a=ice-ufrag:", "a=fingerprint:"))]


async def test_offer_is_repeated_until_it_is_answered(call_page: OpenCallPage, relay: Relay, partner: Partner) -> None:
    await partner.send("join", {"role": "answerer", "roomId": "lab"})
    await call_page(relay.page_url, role="offerer", room="lab", start=True)
    offers = [(await partner.next("offer"))["payload"]["sdp"] for _ in range(3)]
    assert identity(offers[0]) == identity(offers[1]) == identity(offers[2])
    assert "a=candidate:" in offers[1], "with the candidates that were found meanwhile"


async def test_candidates_trickle_and_end(call_page: OpenCallPage, relay: Relay, partner: Partner) -> None:
    await partner.send("join", {"role": "answerer", "roomId": "lab"})
    await call_page(relay.page_url, role="offerer", room="lab", start=True)
    await partner.next("offer")
    candidates = []
    while not candidates or candidates[-1]["candidate"]:
        candidates.append((await partner.next("ice-candidate"))["payload"])
    assert len(candidates) > 1
    assert all(candidate["candidate"].startswith("candidate:") for candidate in candidates[:-1])
    assert all({"candidate", "sdpMid", "sdpMLineIndex"} <= candidate.keys() for candidate in candidates)


@pytest.mark.parametrize("encode", [dict, json.dumps], ids=["object", "string"])
async def test_repeated_offer_gets_the_same_answer_again(
    call_page: OpenCallPage, relay: Relay, partner: Partner, encode: Callable[[Offer], object]
) -> None:
    answerer = await answerer_with(partner, call_page, relay)
    tab = await stranger_beside(answerer, relay)
    offer = await offer_from(tab)
    answers = []
    for _ in range(3):
        await partner.send("offer", encode(offer))
        answers.append((await partner.next("answer"))["payload"])
    assert [answer["type"] for answer in answers] == ["answer"] * 3
    first = identity(answers[0]["sdp"])
    assert [identity(answer["sdp"]) for answer in answers] == [first] * 3
    # An offer from another connection is no repetition: it gets a new connection, and another answer.
    await partner.send("offer", encode(await offer_from(tab)))
    assert identity((await partner.next("answer"))["payload"]["sdp"]) != first


async def test_candidates_before_the_offer_are_kept(call_page: OpenCallPage, relay: Relay, partner: Partner) -> None:
    """The stranger never learns where the page is: only the early candidates can bring the two together."""
    answerer = await answerer_with(partner, call_page, relay)
    tab = await stranger_beside(answerer, relay)
    stranger = await tab.evaluate(STRANGER_OFFERS)
    assert "a=candidate:" not in stranger["sdp"]
    for candidate in [*stranger["candidates"], {"candidate": ""}, None]:
        await partner.send("ice-candidate", candidate)
    await partner.send("offer", {"type": "offer", "sdp": stranger["sdp"]})
    answer = (await partner.next("answer"))["payload"]
    assert "a=candidate:" not in answer["sdp"]
    await tab.evaluate("(answer) => connection.setRemoteDescription(answer)", answer)
    await answerer.connected()
    assert await answerer.element("notices").inner_text() == ""


async def test_partner_that_closes_its_connection_is_awaited(
    call_page: OpenCallPage, relay: Relay, partner: Partner
) -> None:
    """No `peer-disconnected` tells of it: only the end of DTLS does."""
    answerer = await answerer_with(partner, call_page, relay)
    tab = await stranger_beside(answerer, relay)
    for _ in range(2):
        stranger = await tab.evaluate(STRANGER_OFFERS)
        await partner.send("offer", {"type": "offer", "sdp": stranger["sdp"]})
        answer = (await partner.next("answer"))["payload"]
        await tab.evaluate("(answer) => connection.setRemoteDescription(answer)", answer)
        for candidate in stranger["candidates"]:
            await partner.send("ice-candidate", candidate)
        await answerer.connected()
        await tab.evaluate("() => connection.close()")
        await answerer.until(phase="expecting")


async def test_junk_from_the_partner_does_no_harm(call_page: OpenCallPage, relay: Relay, partner: Partner) -> None:
    answerer = await answerer_with(partner, call_page, relay)
    for kind, payload, notice in (
        ("offer", {"type": "offer", "sdp": 7}, "bad-message"),
        ("offer", {"type": "offer", "sdp": "v=0\r\nnonsense"}, "bad-offer"),
        ("offer", {"type": "answer", "sdp": "v=0\r\n"}, "bad-message"),
        ("ice-candidate", {"candidate": 7}, "bad-message"),
        ("offer", "{", "bad-message"),
        ("offer", None, "bad-message"),
        ("ice-candidate", [1, 2], "bad-message"),
        ("ice-candidate", "{", "bad-message"),
        ("answer", {"type": "answer", "sdp": "v=0\r\n"}, "bad-message"),  # dropped: there was no offer
        ("answer", None, "bad-message"),
        ("offer", {"type": "offer", "sdp": "v=0\r\nmore nonsense"}, "bad-offer"),
    ):
        await partner.send(kind, payload)
        await answerer.tab.locator(f".notice[data-kind=negotiation][data-key={notice}]").wait_for()
    await partner.send("ice-candidate", {"candidate": "candidate:nonsense", "sdpMid": "0"})
    tab = await stranger_beside(answerer, relay)
    await partner.send("offer", await offer_from(tab))
    await partner.next("answer")


async def test_two_offerers_agree_on_one_offer(call_page: OpenCallPage, relay: Relay) -> None:
    """Relays and partners may get the roles wrong: one of two offers gives way."""
    page = await call_page(relay.page_url)
    assert await page.tab.evaluate(GLARE) == ["answer", "offer"]
