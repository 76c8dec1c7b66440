"""What `peer` can do beside a call: `peer devices` and the like, each a module of this package with a `run`.

`run(arguments)` gets the words after the command's name, prints to standard output, and returns the exit code; what it
raises as a `PeerError` becomes one line and an exit code, as everywhere.
"""

import importlib
from collections.abc import Callable, Sequence
from typing import cast

from peer.errors import UsageError

COMMANDS = {
    "devices": "list cameras, microphones, speakers and screens, as values for the options",
    "doctor": "try all that a call needs, and say what to do about what fails",
}


def find_command(word: str) -> Callable[[Sequence[str]], int]:
    """The function behind a command's name. Its module is loaded only now, since it may be slow to load."""
    if word not in COMMANDS:
        raise UsageError(f"there is no command {word!r}, only {' and '.join(COMMANDS)} (see peer --help)")
    return cast(Callable[[Sequence[str]], int], importlib.import_module(f"peer.cli.commands.{word}").run)
