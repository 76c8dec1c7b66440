"""Who is in which room, in which role, and what to tell whom. No I/O: every method returns what to send.

A room holds one client, who waits, or two, who signal to each other. It exists as long as somebody is in it. Whoever
names a room meets only those who know its name; the others meet in open rooms, whose names the relay makes.
"""

import re
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from .kept import KeptOffers
from .messages import Error, Forward, Join, Joined, PeerDisconnected, Ready, RelayMessage, Role

Delivery: TypeAlias = tuple[str, RelayMessage]
"""The id of a client, and a message for it."""


_OPEN_NAME = re.compile(r"open-[0-9a-f]{32}")


def make_open_name() -> str:
    """A name for an open room: 128 bits of chance, so that nobody guesses it."""
    return f"open-{secrets.token_hex(16)}"


def is_open(name: str) -> bool:
    """Whether a room takes those who name none.

    The form of its name tells, so that a client who comes back with it after the relay began anew is found there.
    """
    return _OPEN_NAME.fullmatch(name) is not None


@dataclass(slots=True, eq=False)
class _Member:
    client_id: str
    role: Role
    room: "_Room"
    resume: str  # the secret with which another connection takes this place
    informed: bool = True  # something came from the client since it was last told of a partner come or gone

    @property
    def partner(self) -> "_Member | None":
        return next((member for member in self.room.members if member is not self), None)


@dataclass(slots=True, eq=False)
class _Room:
    name: str
    members: list[_Member] = field(default_factory=list)  # at most two, in the order of arrival


class Rooms:
    """All rooms of one relay.

    `new_name` names the rooms of those who ask for none; `new_secret` makes the secrets of `resume`. A client is
    known by its id, and known only while it is in a room. What is returned is to be sent in that order.
    """

    def __init__(self, kept: KeptOffers, *, new_name: Callable[[], str], new_secret: Callable[[], str]) -> None:
        self._kept = kept
        self._new_name = new_name
        self._new_secret = new_secret
        self._rooms: dict[str, _Room] = {}
        self._members: dict[str, _Member] = {}  # by client
        self._by_secret: dict[str, _Member] = {}
        # Open rooms with exactly one client, the one that has waited longest first. An OrderedDict, because the
        # first entry of a dict is found by stepping over all that were deleted before it.
        self._waiting: OrderedDict[str, _Room] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rooms)

    def join(self, client_id: str, join: Join) -> list[Delivery]:
        """Take a client into the room that it names, else into the open one that has waited longest, else a new one.

        It leaves its old room first. The second client of a room gets the role that the first one left.
        """
        if join.resume is not None and (member := self._by_secret.get(join.resume)) is not None:
            return self._take_over(client_id, member)
        deliveries = self.leave(client_id)
        room = self._room_to_join(join.room)
        if len(room.members) == 2:
            return [*deliveries, (client_id, Error("The room is full: two are in it already.", "room-full"))]
        role = room.members[0].role.other if room.members else join.role
        member = _Member(client_id, role, room, self._new_secret())
        room.members.append(member)
        self._members[client_id] = self._by_secret[member.resume] = member
        self._rooms[room.name] = room
        self._update_waiting(room)
        deliveries.append(_joined(member))
        if len(room.members) == 2:
            deliveries += _ready(room)
            deliveries += [(client_id, message) for message in self._kept.take(room.name)]
        return deliveries

    def leave(self, client_id: str) -> list[Delivery]:
        """Take a client out of its room, if it is in one."""
        return self._remove(client_id, "The other client left the room.")

    def disconnect(self, client_id: str) -> list[Delivery]:
        """Take a client whose connection is gone out of its room, if it is in one."""
        return self._remove(client_id, "The other client disconnected.")

    def forward(self, client_id: str, message: Forward) -> list[Delivery]:
        """Pass a message on to the partner, or keep it for a partner to come."""
        member = self._members.get(client_id)
        if member is None:
            return [(client_id, Error(f'Join a room before you send "{message.kind}".', "not-in-room"))]
        member.informed = True
        partner = member.partner
        if partner is None:
            self._kept.keep(member.room.name, message)
            return []
        return [(partner.client_id, message)]

    def _room_to_join(self, name: str | None) -> _Room:
        """Find a room, or make one, which exists once somebody is in it."""
        if name is None:
            if self._waiting:
                return next(iter(self._waiting.values()))
            name = self._new_name()
            while name in self._rooms:
                name = self._new_name()
        return self._rooms.get(name) or _Room(name)

    def _remove(self, client_id: str, reason: str) -> list[Delivery]:
        member = self._members.pop(client_id, None)
        if member is None:
            return []
        del self._by_secret[member.resume]
        room, partner = member.room, member.partner
        room.members.remove(member)
        self._kept.drop(room.name)
        self._update_waiting(room)
        if partner is None:
            del self._rooms[room.name]
            return []
        return [_partner_gone(partner, reason)]

    def _take_over(self, client_id: str, member: _Member) -> list[Delivery]:
        """Give a member's place to a new connection of the same client, whose old one the relay believes alive.

        The partner notices nothing, unless the client may not know of its partner: that news is repeated.
        """
        if member.client_id == client_id:
            return [_joined(member)]
        deliveries = self.leave(client_id)
        deliveries.append((member.client_id, Error("Another connection has taken your place in the room.", "replaced")))
        del self._members[member.client_id]
        member.client_id = client_id
        self._members[client_id] = member
        deliveries.append(_joined(member))
        if not member.informed:
            deliveries += (
                _ready(member.room) if member.partner else [_partner_gone(member, "The other client is gone.")]
            )
        return deliveries

    def _update_waiting(self, room: _Room) -> None:
        """Put an open room that has come to hold exactly one client at the end of the line; take any other out."""
        self._waiting.pop(room.name, None)
        if len(room.members) == 1 and is_open(room.name):
            self._waiting[room.name] = room


def _joined(member: _Member) -> Delivery:
    text = f"You are the {member.role} in this room."
    return member.client_id, Joined(member.room.name, member.role, text, resume=member.resume)


def _ready(room: _Room) -> list[Delivery]:
    for member in room.members:
        member.informed = False
    return [(member.client_id, Ready("Two are in the room: the offerer may offer.")) for member in room.members]


def _partner_gone(member: _Member, reason: str) -> Delivery:
    member.informed = False
    return member.client_id, PeerDisconnected(reason)
