"""The devices of this machine, by names that last and by numbers, behind one interface on all platforms."""

import re
import sys
from collections import Counter
from dataclasses import dataclass, field

import av.device

from peer.errors import MediaError
from peer.media.sinks.speaker.speakers import speakers
from peer.media.sound_cards import cards
from peer.media.sources.devices.modes import Mode, usable
from peer.media.sources.screen import screens


@dataclass(frozen=True)
class Entry:
    """One device. `value` and each of the `aliases` can be given to the option that takes devices of this kind."""

    kind: str
    """It is `camera`, `microphone`, `speaker` or `screen`."""
    value: str
    aliases: list[str] = field(default_factory=list)
    description: str = ""
    modes: list[Mode] = field(default_factory=list)
    """What a camera can do, where it tells."""


def list_devices(platform: str = sys.platform) -> list[Entry]:
    """All devices that the system lists. None is taken, so that those in use are there, too; blocks for a moment."""
    if platform == "linux":
        found = [*_linux_cameras(), *_linux_sound()]
    elif platform == "darwin":
        found = _listed("avfoundation", numbered=True)
    else:
        found = _listed("dshow", numbered=False)
    found += _speakers(platform)
    return [*found, *(Entry("screen", screen.value, description=screen.label) for screen in screens(platform))]


def _speakers(platform: str) -> list[Entry]:
    try:
        return [Entry("speaker", name, description=words) for name, words in speakers(platform).items()]
    except MediaError as error:  # a package is missing
        return [Entry("speaker", "default", description=str(error))]


def _linux_cameras() -> list[Entry]:
    from peer.media.sources.devices import v4l2  # noqa: PLC0415 it exists on Linux only

    nodes = v4l2.nodes()
    cards_, buses = Counter(node.card for node in nodes), Counter(node.bus for node in nodes)
    found = []
    for node in nodes:
        number = re.sub(r"\D", "", node.path)
        names = [f"camera:{number}", node.path]
        if node.bus and buses[node.bus] == 1:
            names.insert(0, f"camera:{node.bus}")
        if node.card and cards_[node.card] == 1:
            names.insert(0, f"camera:{node.card}")
        try:
            modes = list(dict.fromkeys(filter(usable, v4l2.modes(node.path))))
        except OSError:  # unplugged just now, or only others may use it
            modes = []
        found.append(Entry("camera", names[0], names[1:], node.card, modes))
    return found


def _linux_sound() -> list[Entry]:
    pcms = cards.pcms()
    found = [Entry("microphone", "mic:default", ["mic"], "what the system is set to")]
    return found + [
        Entry("microphone", f"mic:{_short(pcm, pcms)}", [f"mic:{pcm.alsa}"], pcm.name) for pcm in pcms if pcm.records
    ]


def _short(pcm: cards.Pcm, pcms: list[cards.Pcm]) -> str:
    """The card's name, with the device's number unless it is the first that records."""
    first = next(each for each in pcms if each.card == pcm.card and each.records)
    return pcm.card_id if pcm == first else f"{pcm.card_id},{pcm.device}"


def _listed(format_: str, *, numbered: bool) -> list[Entry]:
    """What FFmpeg lists: by numbers on macOS, by long unique names on Windows; both have names for people."""
    found = []
    for device in av.device.enumerate_input_devices(format_):
        if device.description.startswith("Capture screen"):
            continue
        for kind, (noun, prefix) in {"video": ("camera", "camera"), "audio": ("microphone", "mic")}.items():
            if kind in device.media_types:
                aliases = [f"{prefix}:{device.name}"] if numbered else []
                found.append(Entry(noun, f"{prefix}:{device.description}", aliases, device.description))
    return found
