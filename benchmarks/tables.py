"""Tables, for a terminal and for a file in Markdown."""

from collections.abc import Sequence

FAILED = "failed"
"""In place of figures."""


class Table:
    """Rows of text under headings; the first column is words, the others are figures."""

    def __init__(self, title: str, headings: Sequence[str]) -> None:
        self.title = title
        self._rows = [list(headings)]

    def add(self, *cells: str) -> None:
        """Add a row with a cell for each heading."""
        if len(cells) != len(self._rows[0]):
            raise ValueError(f"a row of {len(cells)} in a table of {len(self._rows[0])} columns")
        self._rows.append(list(cells))

    def as_text(self) -> str:
        """For a terminal."""
        lines = ["  ".join(cells).rstrip() for cells in self._padded()]
        rule = "-" * max(map(len, lines))
        return "\n".join(["", self.title, "", lines[0], rule, *lines[1:], ""])

    def as_markdown(self) -> str:
        """For a file."""
        lines = [f"| {' | '.join(cells)} |" for cells in self._padded()]
        rule = "|".join(["", " --- ", *[" ---: "] * (len(self._rows[0]) - 1), ""])
        return "\n".join([f"## {self.title}", "", lines[0], rule, *lines[1:], ""])

    def _padded(self) -> list[list[str]]:
        widths = [max(map(len, column)) for column in zip(*self._rows, strict=True)]
        return [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in self._rows]
