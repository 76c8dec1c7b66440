"""Runs the scenarios one after another, each with a folder for what it leaves; a traceback goes to `failed`."""

import sys
import time
import traceback
from importlib import import_module
from pathlib import Path

import aiortc  # noqa: F401  once, for all that are forked
import av
import numpy as np  # noqa: F401

import peer.peer  # noqa: F401
from peer.media.sound_cards import alsa

SCENARIOS = ["wrong", "call", "unplug", "play"]


def run_all(share: Path, names: list[str]) -> None:
    av.logging.set_level(av.logging.PANIC)
    alsa.prepare()  # before a scenario uses ALSA, which reads its settings once
    for name in names:
        out = share / name
        out.mkdir()
        begin = time.monotonic()
        try:
            import_module(f"tests.devices.guest.{name}").run(out)
        except BaseException:  # noqa: BLE001  it is told outside
            (out / "failed").write_text(traceback.format_exc())
        (out / "seconds").write_text(f"{time.monotonic() - begin:.1f}\n")
    (share / "finished").touch()


if __name__ == "__main__":
    run_all(Path(sys.argv[1]), sys.argv[2:] or SCENARIOS)
