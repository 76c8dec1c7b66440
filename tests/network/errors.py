"""What the harness says when the machine, not the code under test, is at fault."""


class HarnessError(RuntimeError):
    """The machine can't give what a test asked for. One sentence: what is missing, and what to do."""
