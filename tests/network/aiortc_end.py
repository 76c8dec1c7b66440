"""One end of a data-channel call, of nothing but aiortc: the yardstick that the harness itself is proven with.

Run as a process; it reads JSON lines and writes JSON lines. First comes {"servers": [...], "policy": "all" |
"relay"}; the offering end is also given {"offer": true}. Then each end writes its description with all its
candidates, reads the other's, and writes {"echo": ...} and the types of the candidates in use once a message has
gone there and back.
"""

import asyncio
import json
import sys
from typing import Any

from aiortc import RTCConfiguration, RTCDataChannel, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcconfiguration import RTCIceTransportPolicy


async def read() -> dict[str, Any]:
    line = await asyncio.to_thread(sys.stdin.readline)
    if not line:
        raise SystemExit("the test is gone")
    return json.loads(line)


def write(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


def candidates_in_use(connection: RTCPeerConnection) -> dict[str, str]:
    """The types of the nominated pair: what no public interface of aiortc tells."""
    assert connection.sctp is not None
    ice = connection.sctp.transport.transport.iceGatherer._connection
    pair = ice._nominated[1]
    return {"local": pair.local_candidate.type, "remote": pair.remote_candidate.type}


async def main() -> None:
    settings = await read()
    configuration = RTCConfiguration(
        iceServers=[RTCIceServer(**server) for server in settings["servers"]],
        iceTransportPolicy=RTCIceTransportPolicy(settings["policy"]),
    )
    connection = RTCPeerConnection(configuration)
    finished = asyncio.Event()

    def begin(channel: RTCDataChannel) -> None:
        def on_message(message: str) -> None:
            if settings.get("offer"):
                write({"echo": message, **candidates_in_use(connection)})
                finished.set()
            else:
                write({"heard": message, **candidates_in_use(connection)})
                channel.send(message)

        channel.on("message", on_message)

    @connection.on("connectionstatechange")
    def on_state() -> None:
        write({"state": connection.connectionState})
        if connection.connectionState in ("failed", "closed"):
            finished.set()

    connection.on("datachannel", begin)
    if settings.get("offer"):
        channel = connection.createDataChannel("echo")
        begin(channel)
        channel.on("open", lambda: channel.send("hello"))
        await connection.setLocalDescription(await connection.createOffer())
        write({"type": "offer", "sdp": connection.localDescription.sdp})
        await connection.setRemoteDescription(RTCSessionDescription(**await read()))
    else:
        await connection.setRemoteDescription(RTCSessionDescription(**await read()))
        await connection.setLocalDescription(await connection.createAnswer())
        write({"type": "answer", "sdp": connection.localDescription.sdp})
    await finished.wait()
    await connection.close()


asyncio.run(main())
