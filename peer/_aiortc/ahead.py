"""What media needs, made before it can flow: threads, coders, and the first picture.

A browser begins with a smaller picture, for seconds, when connecting takes longer than its camera's first pictures. So
as little as possible is done between the descriptions and the first packet, where upstream does all of it.

Uses `aiortc.rtcpeerconnection.filter_preferred_codecs`; `CODECS` of `aiortc.codecs`; and of `aiortc.RTCRtpTransceiver`
`_codecs` and `_preferred_codecs`.
"""

from aiortc import RTCPeerConnection
from aiortc.codecs import CODECS
from aiortc.rtcpeerconnection import filter_preferred_codecs

from peer._aiortc.receiver import Receiver
from peer._aiortc.sender import Sender
from peer.media.base.codedtrack import is_coded


def prepare_media(pc: RTCPeerConnection) -> None:
    """Make ready what is likely to be needed, when a partner comes, and what is, once the codecs are agreed on."""
    for transceiver in pc.getTransceivers():
        agreed = transceiver.currentDirection is not None
        codecs = transceiver._codecs or filter_preferred_codecs(CODECS[transceiver.kind], transceiver._preferred_codecs)
        if not codecs:
            continue
        sender, receiver = transceiver.sender, transceiver.receiver
        if isinstance(receiver, Receiver) and not agreed:
            receiver.prepare(codecs[0])
        # Which codec it is decides how a film is read from its beginning, so that one is not guessed.
        sends = transceiver.currentDirection in ("sendonly", "sendrecv") if agreed else not is_coded(sender.track)
        if isinstance(sender, Sender) and sends:
            sender.prepare(codecs[0])
