"""A file or URL with pictures and sound: opened, and looked into."""

import logging
from dataclasses import dataclass
from typing import Any, TypeAlias

import av
from av.stream import Disposition

from peer.errors import MediaError

logger = logging.getLogger(__name__)

NETWORK_TIMEOUT = 5.0  # seconds for a connection, and for each read
TRIES = 500  # packets that are looked at before a file counts as undecodable

Streams: TypeAlias = dict[str, av.VideoStream | av.AudioStream]
"""By kind."""


@dataclass(frozen=True)
class Contents:
    """What a file turned out to hold."""

    kinds: frozenset[str]
    still: bool  # a photograph


def probe(url: str) -> Contents:
    """Look into a file: what can be decoded of it. Raises MediaError when that is nothing."""
    with open_film(url) as file:
        if file.format.name == "tty":
            raise MediaError(f"can't play {shown(url)}: it is a text; give a video or sound file")
        streams = streams_of(file, frozenset({"audio", "video"}))
        if not streams:
            raise MediaError(f"can't play {shown(url)}: there is neither picture nor sound in it")
        found = set()
        for count, packet in enumerate(file.demux(*streams.values())):
            if decode(packet):
                found.add(packet.stream.type)
            if len(found) == len(streams) or count == TRIES:
                break
        if not found:
            raise MediaError(f"can't play {shown(url)}: nothing in it can be decoded; is it damaged?")
        return Contents(frozenset(found), still=file.format.name.endswith("_pipe"))


def open_film(url: str) -> av.container.InputContainer:
    """Open a file or URL; raises MediaError with one line."""
    try:
        if "://" in url:
            return av.open(url, timeout=(NETWORK_TIMEOUT, NETWORK_TIMEOUT))
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
    """The stream of each kind that a player would choose. The picture on a record's cover is not a film."""
    streams: Streams = {}
    for stream in (file.streams.best("video"), file.streams.best("audio")):
        if not isinstance(stream, av.VideoStream | av.AudioStream) or stream.type not in kinds:
            continue
        if stream.codec_context is not None and not stream.disposition & Disposition.attached_pic:
            streams[stream.type] = stream
    return streams


def decode(packet: "av.Packet[Any]") -> list[av.VideoFrame | av.AudioFrame]:
    """The frames in a packet; none where it is damaged, for what follows may be sound again."""
    try:
        return [frame for frame in packet.decode() if isinstance(frame, av.VideoFrame | av.AudioFrame)]
    except (av.InvalidDataError, av.error.EOFError) as error:
        logger.debug("skipped a damaged packet: %s", error)
        return []
