"""Everything that `peer` can fail with, and the exit code that each failure ends the command with.

    PeerError
    ├── UsageError           an option or value that can't be used                        2
    ├── SignalingError       no relay, or it stopped speaking the protocol                3
    │   └── NotAdmittedError the relay refused: room full, bad token                      4
    ├── ConnectTimeoutError  no connection to the partner in time                         5
    ├── NegotiationError     a description or candidate that can't be used                1
    └── MediaError           a source or sink that can't be opened, or failed             1

Every message is one line, says what was wrong and what to do about it.
"""

import enum


class ExitCode(enum.IntEnum):
    """The exit codes of the command `peer`."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NO_RELAY = 3
    NOT_ADMITTED = 4
    NO_CONNECTION = 5
    INTERRUPTED = 130


class PeerError(Exception):
    """The root of all errors that this package raises on purpose."""

    exit_code = ExitCode.FAILED


class UsageError(PeerError):
    """An option or a value that can't be used."""

    exit_code = ExitCode.USAGE


class SignalingError(PeerError):
    """Nothing at the relay's address, or it stopped speaking the protocol."""

    exit_code = ExitCode.NO_RELAY


class NotAdmittedError(SignalingError):
    """The relay answered, and refused: the room is full, or the token is wrong."""

    exit_code = ExitCode.NOT_ADMITTED


class ConnectTimeoutError(PeerError):
    """The partner was there, but no connection to it came up in time."""

    exit_code = ExitCode.NO_CONNECTION


class NegotiationError(PeerError):
    """A session description or candidate that can't be used (RFC 8829)."""


class MediaError(PeerError):
    """A source or sink that can't be opened, or that failed."""
