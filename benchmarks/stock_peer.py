"""One end of a measured call: aiortc as it is, used as its own examples use it.

The connection is made when the program starts, a description is sent with all its candidates once gathering ends,
and tracks are read as they come. Nothing of this project touches aiortc here: only the relay's client, the picture
and the tone are the project's.
"""

import asyncio
import sys
from typing import Literal

import av
from aiortc import (
    MediaStreamError,
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.sdp import candidate_from_sdp

from benchmarks.end import EndOptions, Reporter
from peer.media.sources.drawn.testsource import ToneTrack
from signaling.client import SignalingClient
from signaling.messages import Forward, Joined, Ready, Role

if "peer._aiortc" in sys.modules:
    raise RuntimeError("this is not stock aiortc: the peer's seam was imported")


class StockPeer:
    """One call, as the relay's messages drive it."""

    def __init__(self, options: EndOptions, reporter: Reporter) -> None:
        self._options = options
        self._reporter = reporter
        self._watching: list[asyncio.Task[None]] = []
        self._role = Role(options.role)
        servers = [RTCIceServer(urls=url) for url in options.ice_servers]
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self._pc.addTrack(ToneTrack())
        self._pc.addTrack(options.video_track(options.picture()))
        self._pc.on("track", self._on_track)
        self._prefer(options.codec)

    async def run(self) -> None:
        """Until cancelled."""
        options = self._options
        async with SignalingClient(options.relay, role=Role(options.role), room=options.room) as self._signaling:
            async for message in self._signaling:
                await self._receive(message)

    async def _receive(self, message: object) -> None:
        match message:
            case Joined():
                self._role = message.role
                self._reporter.joined()
            case Ready():
                self._reporter.partner_ready()
                if self._role is Role.OFFERER:
                    await self._pc.setLocalDescription(await self._pc.createOffer())
                    await self._send_description()
            case Forward("offer", {"sdp": str(sdp)}) if self._pc.signalingState == "stable":
                await self._pc.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
                self._prefer(self._options.codec)
                await self._pc.setLocalDescription(await self._pc.createAnswer())
                await self._send_description()
            case Forward("answer", {"sdp": str(sdp)}):
                await self._pc.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
            case Forward("ice-candidate", {"candidate": str(line), "sdpMid": mid, "sdpMLineIndex": index}):
                await self._add_candidate(line, mid, index)

    async def _add_candidate(self, line: str, mid: str | None, index: int | None) -> None:
        if not line:
            await self._pc.addIceCandidate(None)
            return
        candidate = candidate_from_sdp(line.removeprefix("candidate:"))
        candidate.sdpMid, candidate.sdpMLineIndex = mid, index
        await self._pc.addIceCandidate(candidate)

    def _prefer(self, codec: str) -> None:
        capabilities = RTCRtpReceiver.getCapabilities("video")
        wanted = {f"video/{codec}".lower(), "video/rtx"}
        for transceiver in self._pc.getTransceivers():
            if transceiver.kind == "video" and capabilities is not None:
                transceiver.setCodecPreferences([c for c in capabilities.codecs if c.mimeType.lower() in wanted])

    async def _send_description(self) -> None:
        made = self._pc.localDescription
        kind: Literal["offer", "answer"] = "offer" if made.type == "offer" else "answer"
        await self._signaling.send(Forward(kind, {"type": kind, "sdp": made.sdp}))

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._watching.append(asyncio.create_task(self._watch(track)))

    async def _watch(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if isinstance(frame, av.VideoFrame):
                self._reporter.see(frame)


if __name__ == "__main__":
    options = EndOptions.from_arguments()
    reporter = Reporter(options)
    asyncio.run(reporter.run(lambda: StockPeer(options, reporter).run()))
