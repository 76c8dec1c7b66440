"""Sets how a connection trades delay for evenness, in both directions."""

from aiortc import RTCPeerConnection

from peer._aiortc.receiver import Receiver
from peer._aiortc.sender import Sender
from peer.rtp.latency import Latency


def set_latency(pc: RTCPeerConnection, latency: Latency) -> None:
    """Before it is negotiated: what its receivers hold, and what its senders ask the partner's browser for."""
    for transceiver in pc.getTransceivers():
        if isinstance(transceiver.receiver, Receiver):
            transceiver.receiver.latency = latency
        if isinstance(transceiver.sender, Sender):
            transceiver.sender.ask_for(latency)
