"""How far picture and sound are apart, that were together when they were sent: a film through a call, recorded.

The film beeps with every thirtieth frame. One peer sends it, another records what comes, both by their commands; in
the recording, the time of each beep is compared with that of the frame it belongs to. The film itself goes through
the same comparison, which shows how exact that is.
"""

import sys
import tempfile
from pathlib import Path

from benchmarks.ends import REPOSITORY
from benchmarks.rounds import attempt
from benchmarks.stage import Stage
from benchmarks.tables import FAILED, Table
from benchmarks.watch import median
from tests.media.mediafiles import Contents, examine, flash_and_beep, make_file
from tests.network.processes import Process

FPS = 30
PEER = (sys.executable, "-m", "peer")


def tabulate(stage: Stage, seconds: float) -> Table:
    """A call of this length."""
    table = Table(
        "Sound after picture, of a film sent by one peer and recorded by another; minus: before it",
        ["", "ms, median", "least - most", "beeps"],
    )
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        film = Path(folder, "film.mp4")
        beeps = flash_and_beep(range(1, round(seconds)), seconds)
        make_file(film, seconds=seconds, fps=FPS, size=(1280, 720), sound=beeps)
        _add(table, "the film itself", offsets_ms(examine(film)))
        recording = Path(folder, "call.mkv")
        what = "peer to peer"
        _add(table, what, attempt(stage, f"sync, {what}", lambda: _record(stage, film, recording, seconds)))
    return table


def offsets_ms(contents: Contents) -> list[float]:
    """Of all beeps whose frame is there, or one at most two frames away: sound minus picture."""
    shown = {counter: time for time, counter in contents.counters}
    offsets = []
    for start, _ in contents.loud():
        # Frames keep their distance: the one that is shown with the beep tells which beep it is.
        nearest = min(shown, key=lambda counter: abs(shown[counter] - start), default=None)
        if nearest is None:
            continue
        wanted = round(nearest / FPS) * FPS
        near = min(shown, key=lambda counter: abs(counter - wanted))
        if abs(near - wanted) <= 2:
            offsets.append(1000 * (start - (shown[near] + (wanted - near) / FPS)))
    return offsets


def _record(stage: Stage, film: Path, recording: Path, seconds: float) -> list[float]:
    recording.unlink(missing_ok=True)
    place = ("--signaling", stage.relay, "--room", recording.name, "--once", "--json")
    takes = ("--role", "answerer", "--video", "none", "--audio", "none", "--record", str(recording))
    with Process([*PEER, *place, *takes], cwd=REPOSITORY) as receiver:
        receiver.wait_for('"event": "joined"', timeout=30)
        gives = ("--role", "offerer", "--video", str(film), "--duration", f"{seconds:g}")
        with Process([*PEER, *place, *gives], cwd=REPOSITORY) as sender:
            sender.wait(timeout=seconds + 60)
        receiver.wait(timeout=30)
    offsets = offsets_ms(examine(recording))
    if not offsets:
        raise RuntimeError("there is no beep in what was recorded")
    return offsets


def _add(table: Table, name: str, offsets: list[float] | None) -> None:
    if offsets:
        table.add(name, f"{median(offsets):+.0f}", f"{min(offsets):+.0f} - {max(offsets):+.0f}", str(len(offsets)))
    else:
        table.add(name, FAILED, "-", "-")
