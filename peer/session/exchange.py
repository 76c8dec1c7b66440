"""Offer and answer on one RTCPeerConnection of aiortc, which neither rejects sections nor knows rejected ones.

What only one side has is left out (RFC 8829 §5.3.1): aiortc sees those sections of an offer that can be had, and the
answer rejects the others; of an answer, it sees a rejected section as one in which nothing is sent.
"""

import contextlib
import logging
import secrets
from collections.abc import Iterator

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.exceptions import OperationError

from peer._aiortc import kinds_without_codec, leave_out_unoffered, ours
from peer.errors import NegotiationError
from peer.sdp.description import Description, DescriptionType, take_candidates, with_mids
from peer.sdp.sections import with_idle, with_rejected, without
from peer.session.agreement import NAMES, Agreement
from signaling.messages import printable

logger = logging.getLogger(__name__)


class Exchange:
    """One offer and one answer. Descriptions go in and come out without candidates; each method is called once.

    All raise `NegotiationError` for a description that is of no use.
    """

    def __init__(self, pc: RTCPeerConnection) -> None:
        self._pc = pc
        self._offer = Description("offer", "")
        self._left_out: list[int] = []
        self.agreement: Agreement | None = None
        """Once both descriptions are there."""

    @property
    def is_first_left_out(self) -> bool:
        """Whether the call does without the first section that was offered."""
        answer = self.agreement.answer if self.agreement else None
        return 0 in self._left_out or (answer is not None and answer.sections[0].is_rejected)

    async def make_offer(self) -> Description:
        """Our offer, with mids that no other offer has."""
        with _described("offer", "made"):
            with ours():
                offer = await self._pc.createOffer()
            marked = with_mids(Description("offer", offer.sdp), secrets.token_hex(2))
            await self._pc.setLocalDescription(RTCSessionDescription(sdp=marked.sdp, type="offer"))
        self._offer = Description("offer", take_candidates(marked)[0])
        return Description("offer", self._pc.localDescription.sdp)

    async def take_offer(self, offer: Description) -> None:
        """Apply the partner's offer."""
        self._offer = offer
        with _described("offer", "used"):
            self._left_out, lacking = self._not_to_be_had(offer)
            if len(self._left_out) == len(offer.sections):
                raise NegotiationError(f"the partner's offer can't be used: {_nothing_left(lacking)}")
            await self._apply("offer", without(offer.sdp, self._left_out))
            leave_out_unoffered(self._pc)

    async def make_answer(self) -> Description:
        """Our answer to the offer that was taken."""
        with _described("offer", "used"):
            await self._pc.setLocalDescription(await self._pc.createAnswer())
        sdp = with_rejected(self._pc.localDescription.sdp, self._offer.sdp, self._left_out)
        answer = Description("answer", sdp)
        self.agreement = Agreement(self._offer, answer, is_ours=True)
        return answer

    async def take_answer(self, answer: Description) -> None:
        """Apply the partner's answer to our offer."""
        rejected = [section.kind for section in answer.sections if section.is_rejected]
        if len(rejected) == len(answer.sections):
            what = " and ".join(rejected)
            raise NegotiationError(
                f"the partner's answer rejects all that we offer ({what}): we have no codec in common?"
            )
        with _described("answer", "used"):
            await self._apply("answer", with_idle(answer.sdp, self._offer.sdp) if rejected else answer.sdp)
        self.agreement = Agreement(self._offer, answer, is_ours=False)

    async def _apply(self, kind: DescriptionType, sdp: str) -> None:
        with ours():
            await self._pc.setRemoteDescription(RTCSessionDescription(sdp=sdp, type=kind))

    def _not_to_be_had(self, offer: Description) -> tuple[list[int], list[str]]:
        """The indexes of the sections to leave out, and the kinds of those that only want for a codec."""
        gone = [index for index, section in enumerate(offer.sections) if not section.can_be_had]
        rest = [index for index in range(len(offer.sections)) if index not in gone]
        wanting = zip(rest, kinds_without_codec(self._pc, without(offer.sdp, gone)), strict=True) if rest else ()
        lacking = [(index, kind) for index, kind in wanting if kind is not None]
        return sorted([*gone, *(index for index, _ in lacking)]), [kind for _, kind in lacking]


def _nothing_left(lacking: list[str]) -> str:
    if not lacking:
        return "it rejects everything, or holds nothing that a call is made of"
    return f"no {' and no '.join(sorted(set(lacking)))} codec in common"


@contextlib.contextmanager
def _described(kind: DescriptionType, use: str) -> Iterator[None]:
    """Whatever aiortc makes of a description that it can't use becomes one `NegotiationError`.

    Hostile SDP reaches assertions, look-ups and conversions all over aiortc, and StopIteration as RuntimeError.
    """
    try:
        yield
    except NegotiationError:
        raise
    except OperationError as error:
        words = str(error).split()
        what = next((name for name in NAMES if name in words), "media")
        raise NegotiationError(f"the partner's {kind} can't be {use}: no {what} codec in common") from error
    except Exception as error:
        logger.debug("a description was refused", exc_info=True)
        detail = printable(f"{type(error).__name__}: {error}", 120)
        raise NegotiationError(f"the {kind} can't be {use} ({detail})") from error
