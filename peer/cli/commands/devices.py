"""`peer devices`: what there is to see, hear and be heard with, as values for the options."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import NoReturn

from peer.errors import ExitCode, UsageError
from peer.media.listing import Entry, list_devices
from peer.media.sources.devices.modes import summarized
from signaling.messages import printable

HEADINGS = {
    "camera": "cameras (--video)",
    "microphone": "microphones (--audio)",
    "speaker": "speakers (--play)",
    "screen": "screens (--video)",
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see peer devices --help)")


def run(arguments: Sequence[str]) -> int:
    """List the devices of this machine; nothing is opened, so that devices in use are listed too."""
    it = _Parser(
        prog="peer devices",
        description="Lists cameras, microphones, speakers and screens, as values for the options of peer.",
        allow_abbrev=False,
    )
    it.add_argument("--json", action="store_true", help="print one device a line, as JSON")
    given = it.parse_args(arguments)
    entries = list_devices()
    lines = [json.dumps(asdict(entry)) for entry in entries] if given.json else _for_people(entries)
    print("\n".join(lines))  # noqa: T201 this is what the command is for
    return ExitCode.DONE


def _for_people(entries: Sequence[Entry]) -> list[str]:
    """A heading for each kind, then a line for each device, and below it what a camera can do."""
    lines = []
    for kind, heading in HEADINGS.items():
        lines.append(heading)
        found = [entry for entry in entries if entry.kind == kind]
        for entry in found:
            names = " or ".join([entry.value, *entry.aliases])
            lines.append(f"    {printable(names, 200)}   {printable(entry.description, 200)}".rstrip())
            lines += [f"        {printable(line, 200)}" for line in summarized(entry.modes)]
        if not found:
            lines.append("    none")
    return lines
