"""The whole way: a film is sent through a real WebRTC call, and what arrives is recorded."""

import asyncio
from pathlib import Path

import pytest
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection
from mediafiles import examine, flash_and_beep, make_file
from noting import Notes

from peer.media.base.source import SourceRequest
from peer.media.sinks.pump import Pump
from peer.media.sinks.recording.recorder import Recorder
from peer.media.sources.film.file import open_file

BOTH = frozenset({"audio", "video"})


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
async def test_picture_and_sound_are_recorded_in_sync_as_they_were_sent(
    suffix: str, tmp_path: Path, notes: Notes
) -> None:
    beeps = flash_and_beep([1.0, 2.0, 3.0, 4.0], 5.0)
    film = make_file(tmp_path / "film.mp4", seconds=5, size=(320, 240), sound=beeps)
    source = await open_file(str(film), BOTH, SourceRequest(), notes.append)
    recorder = Recorder(tmp_path / f"call{suffix}", notify=notes.append)
    pump = Pump([recorder], notes.append)
    sender, receiver = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    remote: list[MediaStreamTrack] = []
    receiver.on("track", remote.append)
    tracks = source.open_tracks()
    ended = [asyncio.Event() for _ in tracks]
    for track, event in zip(tracks, ended, strict=True):
        track.on("ended", event.set)
        sender.addTrack(track)
    await sender.setLocalDescription(await sender.createOffer())
    await receiver.setRemoteDescription(sender.localDescription)
    await receiver.setLocalDescription(await receiver.createAnswer())
    await sender.setRemoteDescription(receiver.localDescription)
    pump.start(remote)
    for event in ended:
        await event.wait()
    await pump.stop()
    await asyncio.gather(sender.close(), receiver.close(), source.close(), recorder.close())

    contents = examine(recorder.files[0])
    assert contents.sizes == {(640, 480)}
    shown = {counter: time for time, counter in contents.counters}
    assert len(shown) > 50
    starts = [start for start, end in contents.loud()]
    differences = []
    for second, start in zip(range(4, 0, -1), reversed(starts), strict=False):
        near = min(shown, key=lambda counter: abs(counter - second * 30))
        if abs(near - second * 30) < 5:
            differences.append(start - (shown[near] + (second * 30 - near) / 30))
    assert len(differences) >= 2
    assert max(map(abs, differences)) < 0.12
