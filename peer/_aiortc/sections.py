"""Which sections of an offer a connection can have, and transceivers that the offer has no section for.

Uses, of `aiortc.rtcpeerconnection`: `find_common_codecs`, `filter_preferred_codecs`; of `aiortc.codecs`: `CODECS`; of
`aiortc.sdp`: `SessionDescription`; and of `aiortc.RTCRtpTransceiver`: `_offerDirection`, `_preferred_codecs`.
"""

from aiortc import RTCPeerConnection
from aiortc.codecs import CODECS
from aiortc.rtcpeerconnection import filter_preferred_codecs, find_common_codecs
from aiortc.sdp import SessionDescription


def kinds_without_codec(pc: RTCPeerConnection, offer: str) -> list[str | None]:
    """For each section of the offer its kind, when there is no codec in common for it, else None."""
    preferred = {each.kind: each._preferred_codecs for each in reversed(pc.getTransceivers())}
    lacking: list[str | None] = []
    for media in SessionDescription.parse(offer).media:
        if media.kind not in CODECS:
            lacking.append(None)  # a data channel
            continue
        common = find_common_codecs(CODECS[media.kind], media.rtp.codecs)
        usable = filter_preferred_codecs(common, preferred.get(media.kind, []))
        lacking.append(None if usable else media.kind)
    return lacking


def leave_out_unoffered(pc: RTCPeerConnection) -> None:
    """Let transceivers that the offer has no section for rest in this connection.

    Upstream takes the direction of each when the answer is applied, and has none for them: `ValueError: None is not in
    list`.
    """
    for transceiver in pc.getTransceivers():
        if transceiver._offerDirection is None:
            transceiver._offerDirection = "inactive"
