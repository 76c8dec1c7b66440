"""Where a partner's frames belong in time: each track has its own clock, and they have no common start."""

LEAK = 0.001
"""How far the clock is moved back for each second, to follow a partner whose clock is slow by up to 1000 ppm."""


class Timeline:
    """Maps the timestamps of one track to the clock of arrival.

    A frame is never younger than its arrival, so the frame with the least delay so far tells how the two clocks stand
    to each other; frames that come later than that were only held up on the way, and keep the place that their
    timestamps give them. When they are late by more than `tolerance` the partner's clock was stopped or set back, as
    happens with a track that was muted: its time begins anew with that frame.
    """

    def __init__(self, tolerance: float = 1.0) -> None:
        self._tolerance = tolerance
        self._offset: float | None = None  # from timestamp to arrival; set by the first frame
        self._last_arrival = 0.0

    def place(self, time: float, arrival: float) -> float:
        """The moment, on the clock of arrival, to which a frame with this timestamp belongs. All in seconds."""
        newest = arrival - time
        if self._offset is None or newest - self._offset > self._tolerance:
            self._offset = newest
        else:
            self._offset = min(newest, self._offset + LEAK * (arrival - self._last_arrival))
        self._last_arrival = arrival
        return time + self._offset
