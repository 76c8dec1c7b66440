"""What a connection offers for pictures beyond aiortc: play-out delay, colours, and feedback on every packet's arrival.

Touches `aiortc.rtcpeerconnection.HEADER_EXTENSIONS` and `aiortc.rtcpeerconnection.CODECS`, by which a connection knows
what to negotiate.
"""

from copy import copy
from typing import Any

import aiortc.rtcpeerconnection
from aiortc.codecs import CODECS, HEADER_EXTENSIONS, is_rtx
from aiortc.rtcrtpparameters import RTCRtcpFeedback, RTCRtpCodecParameters, RTCRtpHeaderExtensionParameters

from peer._aiortc.scope import is_ours
from peer.rtp import colourspace, transportcc

PLAYOUT_DELAY_URI = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
PLAYOUT_DELAY_ID = 4
"""Ids are shared by all sections of a bundle; aiortc uses 1 to 3."""
TRANSPORT_CC_ID = 5
COLOUR_SPACE_ID = 6
TRANSPORT_CC = RTCRtcpFeedback(type="transport-cc")


class _Extensions(dict[str, list[RTCRtpHeaderExtensionParameters]]):
    """Looks like aiortc's table, and holds three more for the connections that are ours."""

    def __getitem__(self, kind: str) -> Any:
        known = HEADER_EXTENSIONS[kind]
        if kind != "video" or not is_ours():
            return known
        return [
            *known,
            RTCRtpHeaderExtensionParameters(id=PLAYOUT_DELAY_ID, uri=PLAYOUT_DELAY_URI),
            RTCRtpHeaderExtensionParameters(id=TRANSPORT_CC_ID, uri=transportcc.URI),
            RTCRtpHeaderExtensionParameters(id=COLOUR_SPACE_ID, uri=colourspace.URI),
        ]


class _Codecs(dict[str, list[RTCRtpCodecParameters]]):
    """Looks like aiortc's table; the video codecs of connections that are ours take one more kind of feedback."""

    def __getitem__(self, kind: str) -> Any:
        known = CODECS[kind]
        return [_with_transport_cc(codec) for codec in known] if kind == "video" and is_ours() else known


def _with_transport_cc(codec: RTCRtpCodecParameters) -> RTCRtpCodecParameters:
    if is_rtx(codec):
        return codec
    more = copy(codec)
    more.rtcpFeedback = [*codec.rtcpFeedback, TRANSPORT_CC]
    return more


aiortc.rtcpeerconnection.HEADER_EXTENSIONS = _Extensions(HEADER_EXTENSIONS)  # type: ignore[attr-defined]
aiortc.rtcpeerconnection.CODECS = _Codecs(CODECS)  # type: ignore[attr-defined]
