"""
What the tests of names have in common: messages that are put down, or cut short, under
one.
"""

from __future__ import annotations

import os
from hashlib import sha256

from attrs import evolve

from smtpx.spool.names import Room
from smtpx.spool.nametable import Name, Remnant

from .rig import LONG, NOW, PREFIX, SHORT, Rig, SpoolTestCase, envelope

ANN, BOB = b"ann", b"bob"

#: Room for more than a test has.
ROOM = Room(9, 9 << 20, 9, 9 << 20)


class NamesTestCase(SpoolTestCase):
    """A test that puts down what has names."""

    def name(self, key: bytes, body: bytes | None = SHORT, client: bytes = ANN) -> Name:
        """
        A name.

        @param body: what its digest is of; L{None}: it has none.
        """
        digest = None if body is None else sha256(body).digest()
        return Name(key, client, NOW + 60, len(body or b""), digest, "note")

    def commit(self, rig: Rig, name: Name, body: bytes = SHORT) -> str:
        """Put down a message with its name; its id."""
        incoming = rig.spool.begin()
        incoming.write(body)
        known = rig.spool.names
        rig.wait(known.commit(incoming, envelope(), PREFIX, False, name))
        return incoming.id

    def claimed(self, rig: Rig, key: bytes = b"k") -> None:
        """Have a name, for this process."""
        self.assertTrue(rig.spool.names.claim(key), key)

    def remnant(self, key: bytes, octets: int = len(LONG)) -> Remnant:
        """What is to be kept of a message of Ann's that was cut short."""
        return Remnant(key, ANN, NOW + 60, 0, octets, "{}", "note")

    def leave(
        self, rig: Rig, remnant: Remnant, room: Room = ROOM, busy: bytes = b""
    ) -> str:
        """
        Have a long message cut short; the id of what there is of it.

        @param busy: the key of what somebody goes on with.
        """
        incoming = rig.spool.begin()
        incoming.write(LONG)
        rig.now += 1
        known = rig.spool.names
        kept = evolve(remnant, until=rig.now + 60)
        rig.wait(known.leave(incoming, kept, room, lambda key: key == busy))
        return incoming.id

    def files(self, rig: Rig) -> list[str]:
        """The files of long bodies, when all is done."""
        rig.run()
        return sorted(os.listdir(rig.path("bodies")))

    def recall(self, rig: Rig, key: bytes) -> Name | Remnant | None:
        """What there is under a name."""
        return rig.wait(rig.spool.names.recall(key))
