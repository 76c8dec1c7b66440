"""The seam: what it touches of aiortc and aioice is there, is listed, and concerns nobody else's connections.

When an upstream release takes a name away, the test that fails here names it.
"""

import ast
import inspect
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import aioice
import aioice.ice
import aiortc
import aiortc.rtcpeerconnection
import aiortc.rtcrtpreceiver
import pytest

import peer._aiortc
from peer._aiortc import TrickleConnection, ice_connection, ours
from peer._aiortc.dtls import MediaTransport
from peer._aiortc.receiver import Receiver
from peer._aiortc.sender import Sender

ROOT = Path(__file__).parents[2]
SEAM = sorted(Path(peer._aiortc.__file__).parent.glob("*.py"))

PRIVATE: dict[str, dict[str, type]] = {
    "ice.py": {
        "_local_candidates": aioice.Connection,
        "_local_candidates_start": aioice.Connection,
        "_local_candidates_end": aioice.Connection,
        "_protocols": aioice.Connection,
        "_remote_candidates": aioice.Connection,
        "_remote_candidates_expected": aioice.Connection,
        "_pair_remote_candidate": aioice.Connection,
        "_check_list": aioice.Connection,
        "_check_list_state": aioice.Connection,
        "_check_list_maybe_fail": aioice.Connection,
        "_check_periodic": aioice.Connection,
        "_early_checks": aioice.Connection,
        "_early_checks_done": aioice.Connection,
        "_query_consent_task": aioice.Connection,
        "_unfreeze_initial": aioice.Connection,
        "_transport_policy": aioice.Connection,
        "_use_ipv4": aioice.Connection,
        "_use_ipv6": aioice.Connection,
        "_nominated": aioice.Connection,
        "_connection": aiortc.RTCIceGatherer,
        "_bundled": aiortc.RTCRtpTransceiver,
    },
    "connecting.py": {"_RTCPeerConnection__connect": aiortc.RTCPeerConnection},
    "ahead.py": {
        "_codecs": aiortc.RTCRtpTransceiver,
        "_preferred_codecs": aiortc.RTCRtpTransceiver,
    },
    "sections.py": {
        "_offerDirection": aiortc.RTCRtpTransceiver,
        "_preferred_codecs": aiortc.RTCRtpTransceiver,
    },
    "sender.py": {
        "_register_rtp_sender": aiortc.RTCDtlsTransport,
        "_unregister_rtp_sender": aiortc.RTCDtlsTransport,
        "_send_rtp": aiortc.RTCDtlsTransport,
    },
    "rtcp_out.py": {
        "_get_stats": aiortc.RTCDtlsTransport,
        "_stats_id": aiortc.RTCDtlsTransport,
    },
    "burst.py": {
        "_state": aiortc.RTCDtlsTransport,
        "_tx_srtp": aiortc.RTCDtlsTransport,
        "_send_rtp": aiortc.RTCDtlsTransport,
        "_RTCDtlsTransport__tx_bytes": aiortc.RTCDtlsTransport,
        "_RTCDtlsTransport__tx_packets": aiortc.RTCDtlsTransport,
        "_connection": aiortc.RTCIceTransport,
        "_nominated": aioice.Connection,
    },
    "dtls.py": {
        "_setup_srtp": aiortc.RTCDtlsTransport,
        "_rx_srtp": aiortc.RTCDtlsTransport,
        "_tx_srtp": aiortc.RTCDtlsTransport,
        "_rtp_router": aiortc.RTCDtlsTransport,
        "_handle_rtp_data": aiortc.RTCDtlsTransport,
        "_send_rtp": aiortc.RTCDtlsTransport,
        "_state": aiortc.RTCDtlsTransport,
        "_srtp_profiles": aiortc.RTCDtlsTransport,
        "_task": aiortc.RTCDtlsTransport,
        "_create_ssl_context": aiortc.RTCCertificate,
        "_RTCDtlsTransport__rx_bytes": aiortc.RTCDtlsTransport,
        "_RTCDtlsTransport__rx_packets": aiortc.RTCDtlsTransport,
        "_RTCDtlsTransport__tx_bytes": aiortc.RTCDtlsTransport,
        "_RTCDtlsTransport__tx_packets": aiortc.RTCDtlsTransport,
        "_connection": aiortc.RTCIceGatherer,
    },
    "decoder_thread.py": {"_queue": aiortc.rtcrtpreceiver.RemoteStreamTrack},
    "receiver.py": {
        "_register_rtp_receiver": aiortc.RTCDtlsTransport,
        "_unregister_rtp_receiver": aiortc.RTCDtlsTransport,
        "_get_stats": aiortc.RTCDtlsTransport,
        "_stats_id": aiortc.RTCDtlsTransport,
    },
}
"""Every private name that a module of the seam touches, and whose it is."""

OVERRIDDEN = {
    TrickleConnection: {"_remote_candidates_expected"},
    MediaTransport: {"_setup_srtp", "_send_rtp", "_handle_rtp_data"},
}
"""The private names of upstream that our classes have on purpose."""


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in SEAM:
        yield path.name, ast.parse(path.read_text())


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def own_names(tree: ast.Module) -> set[str]:
    """The private names that a module makes itself: functions, methods, classes, and what `__init__` sets up."""
    own = {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in ("__init__", "replaceTrack"):
            targets = (
                sub for sub in ast.walk(node) if isinstance(sub, ast.Attribute) and isinstance(sub.ctx, ast.Store)
            )
            own |= {target.attr for target in targets}
    return own


def touched(tree: ast.Module) -> set[str]:
    """The private attributes that a module uses, and did not make itself or takes over from upstream."""
    used = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and is_private(node.attr)]
    of_others = {node.attr for node in used if ast.unparse(node.value) != "self"}
    of_self = {node.attr for node in used} - of_others
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    methods = {m.name for c in classes for m in c.body if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef)}
    overridden = {name for names in OVERRIDDEN.values() for name in names} & methods
    return of_others | (of_self - own_names(tree)) | overridden


def has(owner: type, name: str) -> bool:
    """Whether a class has an attribute, or its instances get one in the source of the class."""
    if hasattr(owner, name):
        return True
    name = re.sub(rf"^_{owner.__name__}(?=__)", "", name)  # as the class itself writes it
    tree = ast.parse(inspect.getsource(owner).strip())
    attributes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return any(node.attr == name and isinstance(node.ctx, ast.Store) for node in attributes)


@pytest.mark.parametrize(
    ("owner", "name"), sorted({(o, n) for names in PRIVATE.values() for n, o in names.items()}, key=str)
)
def test_the_private_name_is_still_there(owner: type, name: str) -> None:
    assert has(owner, name), f"{owner.__module__}.{owner.__qualname__}.{name} is gone"


def test_a_name_that_is_gone_would_be_noticed() -> None:
    assert not has(aioice.Connection, "_no_such_thing")


@pytest.mark.parametrize("path", SEAM, ids=lambda path: path.name)
def test_every_touch_is_listed_and_every_entry_is_a_touch(path: Path) -> None:
    assert touched(ast.parse(path.read_text())) == set(PRIVATE.get(path.name, {}))


@pytest.mark.parametrize("path", SEAM, ids=lambda path: path.name)
def test_every_module_says_in_words_what_it_touches(path: Path) -> None:
    told = set(re.findall(r"`(?:[\w.]+\.)?(_\w+)`", path.read_text()))
    assert {re.sub(r"^_[A-Za-z]+(?=__)", "", name) for name in PRIVATE.get(path.name, {})} <= told  # as it is written


def test_upstream_is_replaced_in_these_places_only() -> None:
    found = set()
    for _, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign):
                found |= {ast.unparse(t) for t in node.targets if ast.unparse(t).startswith(("aiortc.", "aioice."))}
    assert found == {
        "aiortc.rtcicetransport.Connection",
        "aiortc.rtcpeerconnection.RTCDtlsTransport",
        "aiortc.rtcpeerconnection.RTCIceTransport",
        "aiortc.rtcpeerconnection.RTCRtpReceiver",
        "aiortc.rtcpeerconnection.RTCRtpSender",
        "aiortc.rtcpeerconnection.CODECS",
        "aiortc.rtcpeerconnection.HEADER_EXTENSIONS",
    }


@pytest.mark.parametrize(
    ("module", "name", "used_as"),
    [
        (aiortc.rtcicetransport, "Connection", r"\bConnection\("),
        (aiortc.rtcpeerconnection, "RTCDtlsTransport", r"\bRTCDtlsTransport\("),
        (aiortc.rtcpeerconnection, "RTCIceTransport", r"\bRTCIceTransport\("),
        (aiortc.rtcpeerconnection, "RTCRtpReceiver", r"\bRTCRtpReceiver\("),
        (aiortc.rtcpeerconnection, "RTCRtpSender", r"\bRTCRtpSender\("),
        (aiortc.rtcpeerconnection, "HEADER_EXTENSIONS", r"\bHEADER_EXTENSIONS\[[\w.]+\]"),
        (aiortc.rtcpeerconnection, "CODECS", r"\bCODECS\[[\w.]+\]"),
    ],
)
def test_upstream_makes_its_objects_by_the_name_that_is_replaced(module: ModuleType, name: str, used_as: str) -> None:
    source = inspect.getsource(module)
    assert re.search(used_as, source), f"{module.__name__} does not use {name} any more"
    uses = re.findall(rf"\b{name}\b", source)
    others = re.findall(rf"isinstance\([^)]*\b{name}\b", source)
    assert uses
    assert not others, f"{module.__name__} asks whether something is a {name}, which ours is not"


def test_our_own_private_names_are_none_of_upstreams() -> None:
    upstream = set(vars(aioice.Connection(ice_controlling=True, local_username="abcd", local_password="a" * 22)))
    upstream |= set(dir(aioice.Connection))
    (tree,) = [tree for name, tree in trees() if name == "ice.py"]
    (ours_,) = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == "TrickleConnection"]
    init = next(node for node in ours_.body if isinstance(node, ast.FunctionDef) and node.name == "__init__")
    names = {
        node.attr for node in ast.walk(init) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    names |= {
        m.name for m in ours_.body if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef) and is_private(m.name)
    }
    assert names & upstream == OVERRIDDEN[TrickleConnection]


@pytest.mark.parametrize(("kind", "replacement"), [("sender", Sender), ("receiver", Receiver)])
async def test_our_sender_and_receiver_have_all_that_aiortc_uses_of_one(kind: str, replacement: Any) -> None:
    used = set()
    for module in ("rtcpeerconnection", "rtcdtlstransport", "rtcrtptransceiver"):
        source = inspect.getsource(sys.modules[f"aiortc.{module}"])
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Attribute) and re.search(rf"(^|\.)(_?{kind}|__{kind})$", ast.unparse(node.value)):
                used.add(node.attr)
    used -= {"_handle_rtp_packet"} if kind == "receiver" else set()  # `MediaTransport` has another way to it
    used -= {"_handle_data"}  # of a data channel's transport, which is called a receiver too
    assert len(used) >= 7
    made = replacement("video", aiortc.RTCPeerConnection)
    missing = {name for name in used if not hasattr(made, name)}
    assert not missing, f"aiortc uses {missing} of a {kind}"


@pytest.mark.parametrize("library", ["aiortc", "aioice"])
def test_the_libraries_are_held_to_the_minor_version_that_is_installed(library: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (pin,) = [line for line in project["dependencies"] if re.split(r"[<>=~]", line)[0] == library]
    major, minor = map(int, version(library).split(".")[:2])
    assert pin == f"{library}>={major}.{minor},<{major}.{minor + 1}"


# ---- whose connections are changed


async def test_only_what_is_made_inside_ours_is_ours() -> None:
    mine, foreign = aiortc.RTCPeerConnection(), aiortc.RTCPeerConnection()
    try:
        foreign.addTransceiver("video")
        with ours():
            mine.addTransceiver("video")
        assert type(ice_connection(foreign)) is aioice.Connection
        assert type(foreign.getTransceivers()[0].sender) is aiortc.RTCRtpSender
        assert type(foreign.getTransceivers()[0].receiver) is aiortc.RTCRtpReceiver
        assert type(ice_connection(mine)) is TrickleConnection
        assert type(mine.getTransceivers()[0].sender) is Sender
        assert type(mine.getTransceivers()[0].receiver) is Receiver
        with ours():
            assert "playout-delay" in (await mine.createOffer()).sdp
        assert "playout-delay" not in (await foreign.createOffer()).sdp
    finally:
        await mine.close()
        await foreign.close()


TWO_PEERS = """
import asyncio, sys
from peer import Peer
from peer.media.sources.drawn.testpattern import read_test_picture
from signaling.config import RelayConfig
from signaling.relay import Relay

async def counter(peer):
    async for frame in peer.video_frames():
        reading = read_test_picture(frame.to_ndarray(format="gray8"))
        if reading is not None and reading.counter >= 3:
            return reading.counter

async def main():
    options = {"video": "test", "audio": "test", "size": "320x240", "fps": 15}
    async with Relay(RelayConfig(port=0)) as relay:
        async with Peer(signaling=relay.url, **options) as one, Peer(signaling=relay.url, **options) as other:
            print("counters", await asyncio.gather(counter(one), counter(other)))
            agent = one._driver.call.connection._agent
            print("agent", type(agent).__name__)

asyncio.run(main())
"""


@pytest.mark.parametrize(("stock", "agent"), [("0", "TrickleConnection"), ("1", "Connection")])
def test_two_peers_call_each_other_with_the_seam_and_without(stock: str, agent: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", TWO_PEERS],
        env={**os.environ, "PEER_STOCK_AIORTC": stock},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"counters \[\d+, \d+\]", done.stdout)
    assert f"agent {agent}" in done.stdout
