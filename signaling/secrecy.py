"""Keeps tokens out of the log in which the library websockets writes every frame."""

import logging

from websockets.frames import Frame


class WithoutTokens(logging.Filter):
    """Writes a frame with a token in it as just that."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record where need be; it is logged in any case."""
        if isinstance(record.args, tuple):
            record.args = tuple("TEXT with a token" if _has_token(arg) else arg for arg in record.args)
        return True


def logger_without_tokens(name: str) -> logging.Logger:
    """The logger of this name, for the library to log to."""
    logger = logging.getLogger(name)
    if not any(isinstance(each, WithoutTokens) for each in logger.filters):
        logger.addFilter(WithoutTokens())
    return logger


def _has_token(arg: object) -> bool:
    return isinstance(arg, Frame) and b'"token"' in arg.data
