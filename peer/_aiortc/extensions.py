"""The header extensions that a connection offers: aiortc's, and the play-out delay for pictures.

Touches `aiortc.rtcpeerconnection.HEADER_EXTENSIONS`, by which a connection knows what to negotiate.
"""

from typing import Any

import aiortc.rtcpeerconnection
from aiortc.codecs import HEADER_EXTENSIONS
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters

from peer._aiortc.scope import is_ours

PLAYOUT_DELAY_URI = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
PLAYOUT_DELAY_ID = 4
"""Ids are shared by all sections of a bundle; aiortc uses 1 to 3."""


class _Extensions(dict[str, list[RTCRtpHeaderExtensionParameters]]):
    """Looks like aiortc's table, and holds one more for the connections that are ours."""

    def __getitem__(self, kind: str) -> Any:
        known = HEADER_EXTENSIONS[kind]
        if kind != "video" or not is_ours():
            return known
        return [*known, RTCRtpHeaderExtensionParameters(id=PLAYOUT_DELAY_ID, uri=PLAYOUT_DELAY_URI)]


aiortc.rtcpeerconnection.HEADER_EXTENSIONS = _Extensions(HEADER_EXTENSIONS)  # type: ignore[attr-defined]
