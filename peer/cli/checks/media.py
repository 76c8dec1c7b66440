"""Checks of what makes and takes media: versions, codecs, devices, the window, speakers."""

import asyncio
import importlib.metadata
import platform
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import av
from aiortc import MediaStreamError

from peer.cli.checks import Result, State, judged
from peer.config import PeerOptions
from peer.errors import MediaError, PeerError
from peer.media.base.encoder import VideoEncoder
from peer.media.base.pictures import black
from peer.media.base.source import SourceRequest
from peer.media.encoders.h264 import H264Encoder
from peer.media.encoders.vp8 import Vp8Encoder
from peer.media.listing import Entry, list_devices
from peer.media.sinks.opening import SinkRequest, open_sinks
from peer.media.sources.drawn.testpattern import TestPicture
from peer.media.sources.drawn.testsource import VIDEO_TIME_BASE, ToneTrack
from peer.media.sources.opening import open_sources

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

LIBRARIES = ("webrtc-peer", "aiortc", "aioice", "av", "numpy", "opencv-python", "websockets")
SIZES = ((1280, 720), (1920, 1080))
FRAMES = 12
BITRATE = 2_500_000
FRAME_SECONDS = 8.0  # for the first frame of a source
WINDOW_SECONDS = 1.0
SHARE = 0.7  # of the time between two pictures that coding both ways may take, so that the rest has some


async def check_versions(options: PeerOptions, *, verbose: bool) -> AsyncIterator[Result]:
    """What runs here."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES]
    yield Result(
        "versions", State.OK, f"Python {platform.python_version()} on {platform.system()}; {', '.join(versions)}"
    )


async def check_codecs(options: PeerOptions, *, verbose: bool) -> AsyncIterator[Result]:
    """How long a picture takes to encode and decode."""
    for name, encoder, decoder in (("vp8", Vp8Encoder, "vp8"), ("h264", H264Encoder, "h264")):
        asked = options.video_codec in (None, name)
        try:
            seconds = [await asyncio.to_thread(_time_pictures, encoder(BITRATE, BITRATE), decoder, s) for s in SIZES]
        except (av.FFmpegError, ValueError) as error:
            yield Result(f"codec {name}", judged(asked=asked), str(error), "reinstall av: its wheel brings the codecs")
            continue
        reach = [f"{h}p: {s * 1000:.0f} ms a picture{_reach(s)}" for (_, h), s in zip(SIZES, seconds, strict=True)]
        yield Result(f"codec {name}", State.OK, "; ".join(reach))
    try:
        took = await _time_sound()
    except (av.FFmpegError, ValueError) as error:
        yield Result("codec opus", State.FAILED, str(error), "reinstall av: its wheel brings the codecs")
    else:
        yield Result("codec opus", State.OK, f"{took * 1000:.1f} ms for 20 ms of sound")


def _reach(seconds: float) -> str:
    return ", 30 a second are in reach" if seconds < SHARE / 30 else f", {SHARE / seconds:.0f} a second are in reach"


def _time_pictures(encoder: VideoEncoder, decoder: str, size: tuple[int, int]) -> float:
    """Seconds to encode and decode a picture, of the many that follow the first. Raises ValueError."""
    picture = TestPicture(*size)
    context: VideoCodecContext = av.CodecContext.create(decoder, "r")  # type: ignore[assignment]
    decoded, begin = 0, time.monotonic()
    for number in range(FRAMES):
        if number == 2:
            begin = time.monotonic()
        frame = picture.draw(number, number / 30)
        frame.pts, frame.time_base = number * 3000, VIDEO_TIME_BASE
        coded = _depacketized(encoder.encode(frame, keyframe=number == 0), decoder)
        decoded += len(context.decode(av.Packet(coded)))
    if decoded < FRAMES - 2:
        raise ValueError(f"only {decoded} of {FRAMES} pictures came back")
    return (time.monotonic() - begin) / (FRAMES - 2)


def _depacketized(payloads: list[bytes], codec: str) -> bytes:
    from aiortc.codecs import depayload  # noqa: PLC0415
    from aiortc.rtcrtpparameters import RTCRtpCodecParameters  # noqa: PLC0415

    mime = f"video/{'VP8' if codec == 'vp8' else 'H264'}"
    parameters = RTCRtpCodecParameters(mimeType=mime, clockRate=90000, payloadType=96)
    return b"".join(depayload(parameters, payload) for payload in payloads)


async def _time_sound() -> float:
    """Seconds to encode and decode 20 ms."""
    track = ToneTrack()
    encoder, decoder = av.CodecContext.create("libopus", "w"), av.CodecContext.create("libopus", "r")
    encoder.sample_rate, encoder.layout, encoder.format = 48000, "stereo", "s16"
    took, decoded = 0.0, 0
    for _ in range(FRAMES):
        frame = await track.recv()
        begin = time.monotonic()
        for packet in encoder.encode(frame):
            decoded += len(decoder.decode(av.Packet(bytes(packet))))
        took += time.monotonic() - begin
    if not decoded:
        raise ValueError("no sound came back")
    return took / FRAMES


async def check_devices(options: PeerOptions, *, verbose: bool) -> AsyncIterator[Result]:
    """Open every camera, microphone, screen and speaker that is listed, and what the options name, for a moment."""
    entries = await asyncio.to_thread(list_devices)
    for kind, noun, wanted in (("video", "camera", options.video), ("audio", "microphone", options.audio)):
        listed = [entry.value for entry in entries if entry.kind == noun]
        if wanted not in ("auto", "none", *listed):
            yield await _check_source(kind, wanted, kind, options, asked=True)
        for value in listed:
            yield await _check_source(kind, value, noun, options, asked=value == wanted)
        if not listed:
            yield Result(noun, State.ABSENT, "none is connected", "without one, the test source is sent")
    for screen in (entry.value for entry in entries if entry.kind == "screen" and entry.value != options.video):
        yield await _check_source("video", screen, "screen", options, asked=False)
    for entry in entries:
        if entry.kind == "speaker" and entry.value != options.play:
            yield await _check_speaker(entry.value, asked=False)
    if options.play is not None:
        yield await _check_speaker(options.play, asked=True)
    elif not _any(entries, "speaker"):
        yield Result("speaker", State.ABSENT, "none is connected", None)


def _any(entries: list[Entry], kind: str) -> bool:
    return any(entry.kind == kind for entry in entries)


async def _check_source(kind: str, value: str, check: str, options: PeerOptions, *, asked: bool) -> Result:
    """Take a frame of a source, in the way that a call does."""
    size = options.size if isinstance(options.size, tuple) else None
    video, audio = (value if kind == each else "none" for each in ("video", "audio"))
    told: list[str] = []
    try:
        (source,) = await open_sources(SourceRequest(video, audio, size, options.fps), told.append)
    except PeerError as error:
        return Result(check, judged(asked=asked), str(error))
    try:
        tracks = source.open_tracks()
        async with asyncio.timeout(FRAME_SECONDS):
            frame = await next(track for track in tracks if track.kind == kind).recv()
    except (TimeoutError, MediaStreamError):
        why = told[0] if told else "it opens, but gives nothing"
        return Result(check, judged(asked=asked), f"{value}: {why}", "unplug it and plug it in again")
    finally:
        await source.close()
    gave = f"gives {frame.width}x{frame.height}" if isinstance(frame, av.VideoFrame) else "gives sound"
    return Result(check, State.OK, f"{value}: {source.label} {gave}")


async def _check_speaker(value: str, *, asked: bool) -> Result:
    try:
        sinks = await open_sinks(SinkRequest(play=value), lambda line: None)
    except MediaError as error:
        return Result("speaker", judged(asked=asked), str(error))
    for sink in sinks:
        await sink.close()
    return Result("speaker", State.OK, f"{value} opens")


async def check_display(options: PeerOptions, *, verbose: bool) -> AsyncIterator[Result]:
    """Show a small black window for a moment."""
    told: list[str] = []
    notify: Callable[[str], None] = told.append
    try:
        sinks = await open_sinks(SinkRequest(display=True), notify)
    except MediaError as error:
        yield Result("display", judged(asked=options.display), str(error))
        return
    for sink in sinks:
        sink.on_video(black(320, 180))
    await asyncio.sleep(WINDOW_SECONDS)
    for sink in sinks:
        await sink.close()
    if told:
        yield Result("display", judged(asked=options.display), told[0], "try --record instead of --display")
    else:
        yield Result("display", State.OK, "a window opens")
