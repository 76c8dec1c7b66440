"""A file or URL with pictures and sound: opened, and looked into."""

import logging
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import av

from peer.errors import MediaError
from peer.media.base.codedtrack import CODECS, Coded, unfit
from peer.media.base.encoder import Packet

logger = logging.getLogger(__name__)

NETWORK_TIMEOUT = 5.0  # seconds for a connection, and for each read
TRIES = 500  # packets that are looked at before a file counts as undecodable
LIVE = {"rtsp", "rtsps", "rtmp", "rtmps", "rtp", "udp", "srt"}
"""Protocols that bring a stream in its own time."""
UNTIMED = {"mpjpeg"}
"""Formats of live streams without times: pictures of a camera, one after another (multipart/x-mixed-replace)."""
QUICKLY = {"rtsp_flags": "prefer_tcp", "analyzeduration": "1000000", "fpsprobesize": "0"}
"""Over TCP nothing is lost on the way, and firewalls let it in; a longer look at a stream would delay it."""
SAMPLE = 30  # pictures whose order is looked at
ANIMATED = {"gif", "apng"}
"""Formats of moving images."""

Streams: TypeAlias = dict[str, av.VideoStream | av.AudioStream]
"""By kind."""


@dataclass(frozen=True)
class Contents:
    """What a file turned out to hold."""

    kinds: frozenset[str]
    still: bool = False  # it has one picture: a photograph, a record's cover, or a film of one
    animated: bool = False  # a moving image, which is shown again and again
    coded: Coded | None = None  # what its pictures could be sent as without coding them anew
    live: bool = False  # it comes in its own time, and can't be paused
    seconds: float | None = None  # where that is known
    options: dict[str, str] = field(default_factory=dict)  # to open it with


def probe(url: str) -> Contents:
    """Look into a file: what can be decoded of it. Raises MediaError when that is nothing."""
    with open_film(url) as file:
        if file.format.name == "tty":
            raise MediaError(f"can't play {shown(url)}: it is a text; give a video or sound file")
        streams = streams_of(file, frozenset({"audio", "video"}))
        if not streams:
            raise MediaError(f"can't play {shown(url)}: there is neither picture nor sound in it")
        first, pictures = _sample(file, streams)
        if not first:
            raise MediaError(f"can't play {shown(url)}: nothing in it can be decoded; is it damaged?")
        # Where a long sound goes with it, a second picture may come later yet: it then takes the place of the first.
        still = "video" in first and len(pictures) == 1
        coded = None if still else _coded(file, streams.get("video"), pictures, first.get("video"), shown(url))
        seconds = None if file.duration is None else file.duration / av.time_base
        untimed = file.format.name in UNTIMED and "://" in url
        live = untimed or url.partition("://")[0].lower() in LIVE
        options = {"use_wallclock_as_timestamps": "1"} if untimed else {}
        animated = file.format.name in ANIMATED and not still
        return Contents(frozenset(first), still and not live, animated, coded, live, seconds, options)


def _sample(
    file: av.container.InputContainer, streams: Streams
) -> tuple[dict[str, av.VideoFrame | av.AudioFrame], list[Packet]]:
    """The first frame of each kind that can be decoded, and the first packets with pictures."""
    first: dict[str, av.VideoFrame | av.AudioFrame] = {}
    pictures: list[Packet] = []
    for count, packet in enumerate(file.demux(*streams.values())):
        if packet.stream.type == "video" and packet.size:
            pictures.append(packet)
        for frame in decode(packet):
            first.setdefault(packet.stream.type, frame)
        if (len(first) == len(streams) and len(pictures) >= SAMPLE) or count == TRIES:
            break
    if pictures and "video" not in first:
        first |= dict(zip(["video"], _held_back(pictures[0]), strict=False))
    return first, pictures


def _coded(
    file: av.container.InputContainer,
    stream: av.VideoStream | av.AudioStream | None,
    packets: list[Packet],
    frame: av.VideoFrame | av.AudioFrame | None,
    name: str,
) -> Coded | None:
    """How a film's pictures are coded, if they can be sent so."""
    if not isinstance(stream, av.VideoStream) or not isinstance(frame, av.VideoFrame):
        return None
    if reason := unfit(stream, packets, frame):
        logger.info("the pictures of %s are coded anew: %s", name, reason)
        return None
    codec, rate = CODECS[stream.codec_context.name], float(stream.average_rate or 0)
    return Coded(codec, (frame.width, frame.height), rate, stream.bit_rate or file.bit_rate or 0)


def open_film(url: str, options: dict[str, str] | None = None) -> av.container.InputContainer:
    """Open a file or URL; raises MediaError with one line."""
    try:
        if "://" in url:
            live = QUICKLY if url.partition("://")[0].lower() in LIVE else {}
            return av.open(url, options={**live, **(options or {})}, timeout=(NETWORK_TIMEOUT, NETWORK_TIMEOUT))
        return av.open(f"file:{url}")  # "file:" keeps a colon in the name from being taken for a protocol
    except av.InvalidDataError as error:
        raise MediaError(f"can't play {shown(url)}: it is no video or sound file, or it is damaged") from error
    except av.FFmpegError as error:
        reason = (error.strerror or str(error)).lower()
        raise MediaError(f"can't play {shown(url)}: {reason}; check the name and that it can be read") from error


def shown(url: str) -> str:
    """The name for people, without the user name, password and parameters that a URL may carry."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    place, slash, path = rest.partition("/")
    return f"{scheme}://{place.rpartition('@')[2]}{slash}{path.partition('?')[0]}"


def streams_of(file: av.container.InputContainer, kinds: frozenset[str]) -> Streams:
    """The stream of each kind that a player would choose. Where there is no film, the picture is a record's cover."""
    streams: Streams = {}
    for stream in (file.streams.best("video"), file.streams.best("audio")):
        if not isinstance(stream, av.VideoStream | av.AudioStream) or stream.type not in kinds:
            continue
        if stream.codec_context is not None:
            streams[stream.type] = stream
    return streams


def decode(packet: "av.Packet[Any]") -> list[av.VideoFrame | av.AudioFrame]:
    """The frames in a packet; none where it is damaged, for what follows may be sound again."""
    try:
        return [frame for frame in packet.decode() if isinstance(frame, av.VideoFrame | av.AudioFrame)]
    except (av.InvalidDataError, av.error.EOFError) as error:
        logger.debug("skipped a damaged packet: %s", error)
        return []


def decode_at_once(packet: "av.Packet[Any]") -> list[av.VideoFrame | av.AudioFrame]:
    """The frames in a packet that needs no others, with those that the decoder would give out after the next ones."""
    return [*decode(packet), *_held_back(packet)] if packet.size else decode(packet)


def _held_back(packet: "av.Packet[Any]") -> list[av.VideoFrame | av.AudioFrame]:
    """What the decoder of a packet waits with; then it begins anew."""
    decoder = packet.stream.codec_context
    try:
        frames = [frame for frame in decoder.decode(None) if isinstance(frame, av.VideoFrame | av.AudioFrame)]
    except (av.InvalidDataError, av.error.EOFError):
        frames = []
    decoder.flush_buffers()
    for frame in frames:
        frame.time_base = packet.time_base or frame.time_base  # decoding nothing gives none
    return frames
