"""The devices of this machine, by names that last and by numbers, behind one interface on all platforms."""

from dataclasses import dataclass

from peer.media.devices import cameras, microphones
from peer.media.speakers import speakers


@dataclass(frozen=True)
class Entry:
    """One device. `value` and each of the `aliases` can be given to the option that takes devices of this kind."""

    kind: str
    """It is `camera`, `microphone`, `speaker` or `screen`."""
    value: str
    aliases: tuple[str, ...] = ()
    description: str = ""
    modes: tuple[str, ...] = ()
    """What a camera can do, for people: "MJPG 1280x720 at 30 fps"."""


def list_devices() -> list[Entry]:
    """All devices that the system lists."""
    found = [Entry("camera", f"camera:{device.name}") for device in cameras()]
    found += [Entry("microphone", f"mic:{device.name}") for device in microphones()]
    return found + [Entry("speaker", f"speaker:{name}", (), words) for name, words in speakers().items()]
