"""The sound cards that Linux has, by names that last: the kernel tells them in `/proc/asound`."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/proc/asound")


@dataclass(frozen=True)
class Pcm:
    """One device of a card. `card_id` is unique, and stays when other cards come and go; `card` is only a number."""

    card: int
    card_id: str
    device: int
    name: str
    records: bool
    plays: bool

    @property
    def alsa(self) -> str:
        """ALSA's name of it. "plug" converts what the card can't do by itself: 48 kHz, two channels."""
        return f"plughw:CARD={self.card_id},DEV={self.device}"


def pcms(root: Path = ROOT) -> list[Pcm]:
    """All of them. A line of the kernel's list is "01-00: ALC257 Analog : ALC257 Analog : playback 1 : capture 1"."""
    try:
        lines = (root / "pcm").read_text().splitlines()
    except OSError:  # no sound in this kernel, or none of our business
        return []
    found = []
    for line in lines:
        place, _, rest = line.partition(": ")
        card, device = (int(number) for number in place.split("-"))
        name = rest.partition(" : ")[0].strip()
        found.append(Pcm(card, _id(root, card), device, name, "capture" in rest, "playback" in rest))
    return found


def find(name: str, found: list[Pcm]) -> str:
    """ALSA's name of what a person calls "Loopback", "Loopback,1", "0" or "0,1"; any other name as it is.

    Of a card without a device's number, its first is meant.
    """
    card, _, device = name.partition(",")
    if device and not device.isdecimal():
        return name
    fitting = [
        pcm
        for pcm in found
        if card.casefold() in (pcm.card_id.casefold(), str(pcm.card)) and (not device or pcm.device == int(device))
    ]
    if fitting:
        return fitting[0].alsa
    return f"plughw:{name}" if re.fullmatch(r"\d+(,\d+)?", name) else name


def _id(root: Path, card: int) -> str:
    try:
        return (root / f"card{card}" / "id").read_text().strip()
    except OSError:  # it was unplugged just now
        return str(card)
