"""
The ordinary transaction in a straight line.

Nearly all that a server hears is C{MAIL FROM:<a@b>}, C{RCPT TO:<c@d>} and C{DATA},
written in just this way, and nearly always there is nothing against it.  What each
command means is said in L{smtpx.core.verbs}, and how it is found in
L{smtpx.core.servermachine}; here these three are taken off the input where both would
come to the same, without the steps between.  Whatever is in any way unusual is left
in the buffer, untouched, for the machine.

C{tests/core/test_ordinary.py} has both do the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from .claims import CORE, ownerOf
from .dialogue import ServerDialogue
from .domain import LABEL
from .effects import MayReceive
from .envelope import Envelope, Recipient
from .facts import COMMAND
from .reply import OK, Reply
from .servermachine import ServerMachine
from .verbs import Outcome, begin, data, judged

if TYPE_CHECKING:
    from .server import ServerConnection

# A path of at most 64 octets is within all bounds of section 4.5.3.1 of RFC 5321.
_PATH_OCTETS = 64
_ATOM = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]++"
_PATH = rb"%b(?>(?:\.%b)*)@%b(?>(?:\.%b)*)" % (_ATOM, _ATOM, LABEL, LABEL)
_WORDS = rb"[!-~]++(?>(?: [!-~]++)*)"
_mail = re.compile(rb"MAIL FROM:<((?>(?:%b)?))>(?: (%b))?\r\n" % (_PATH, _WORDS)).match
_rcpt = re.compile(rb"RCPT TO:<(%b)>\r\n" % _PATH).match
_RCPT_OCTETS = len(b"RCPT TO:<>\r\n") + _PATH_OCTETS
_DATA = b"DATA\r\n"
_DATA_OCTETS = len(_DATA)
_DOT = b"\r\n."
_END = b"\r\n.\r\n"
_END_OCTETS = len(_END)


class OrdinaryServer(ServerMachine):
    """
    The machine that knows what is usual.
    """

    __slots__ = ()

    #: Does it?  Whoever wants to see each step says no.
    ordinary = True

    def _ordinary(self) -> None:
        """
        Take the commands that are next, as long as they are ordinary.  It is the
        client's turn, and nothing is being skipped.
        """
        buffer = self._buffer
        octets, position = buffer.data, buffer.position
        bounds = self.profile.bounds
        if self.helo is None or self.bodyBegun or bounds.commandOctets < _RCPT_OCTETS:
            return
        if self.envelope is None:
            if not self._ordinaryMail(octets, position):
                return
            position = buffer.position
        envelope, plain = self.envelope, self.plain
        if envelope is None or self._mode != COMMAND or self.stamped(envelope):
            return
        if plain.rcpt:
            position = self._ordinaryRcpts(octets, position, envelope)
        if (
            plain.data
            and len(octets) - position == _DATA_OCTETS
            and octets.endswith(_DATA)
            and self._mode == COMMAND
            and not self.stamped(envelope)
        ):
            buffer.position = len(octets)
            self._tookCommand(_DATA[:-2])
            try:
                outcome = data(cast("ServerConnection", self), b"")
            except Exception as error:
                outcome = self.trouble(error, CORE)
            self._cameOf(outcome, b"DATA")

    def _tookCommand(self, line: bytes) -> None:
        """A command was taken off the buffer."""
        self.progress += 1
        self._line = line
        self.gated = None

    def _ordinaryMail(self, octets: bytes, position: int) -> bool:
        """
        Take a MAIL command, if it is ordinary.

        @return: is there a transaction now?
        """
        if not self.plain.mail:
            return False
        found = _mail(octets, position)
        if found is None:
            return False
        after = found.end()
        isLast = after == len(octets)
        sender, parameters = found.groups(b"")
        bounds = self.profile.bounds
        most = bounds.transactionsMax
        if (
            len(sender) > _PATH_OCTETS
            or after - position > bounds.commandOctets
            or not (isLast or self._pipelined)
            or (most is not None and self.transactions >= most)
        ):
            return False
        self._buffer.position = after
        self._tookCommand(octets[position : after - 2])
        if not isLast:
            self.batched = True
        self.transactions += 1
        try:
            outcome = begin(cast("ServerConnection", self), sender, parameters)
        except Exception as error:
            outcome = self.trouble(error, CORE)
        if outcome is OK:
            self._out += OK.octets
            return True
        self._cameOf(outcome, b"MAIL")
        return False

    def _ordinaryRcpts(self, octets: bytes, position: int, envelope: Envelope) -> int:
        """
        Take the RCPT commands that are next, as long as they are ordinary and nobody
        has anything to say of a recipient.

        @return: where the next command begins.
        """
        buffer, direct, recipients = self._buffer, self.direct, envelope.recipients
        end, most = len(octets), self.profile.bounds.recipientsMax
        ok = OK.octets
        while position < end and len(recipients) < most:
            found = _rcpt(octets, position)
            if found is None:
                break
            after = found.end()
            if after - position > _RCPT_OCTETS:
                break
            if after != end:
                if not self._pipelined:
                    break
                self.batched = True
            buffer.position = after
            self.progress += 1
            self._line = octets[position : after - 2]
            self.gated = None
            recipient = Recipient(found[1])
            try:
                if direct is None:
                    question = MayReceive(self, envelope, recipient)
                    answer = self.port.ask(question)
                else:
                    answer = direct.mayReceive(self, envelope, recipient)
            except Exception as error:
                self._say(self.trouble(error, CORE))
                return after
            position = after
            if answer is not None:
                session = cast("ServerConnection", self)
                self._cameOf(judged(session, recipient, None, answer), b"RCPT")
                break
            recipients.append(recipient)
            self._out += ok
            if envelope.borne() and self.stamped(envelope):
                break
        return position

    def _ordinaryBody(self) -> None:
        """
        Take the body behind a 354, if all of it is there and nothing in it was stuffed.
        Nothing of it was taken yet.
        """
        buffer = self._buffer
        octets, position = buffer.data, buffer.position
        last = len(octets) - _END_OCTETS
        if (
            not octets.endswith(_END)
            or not self.bodyBegun
            or octets.find(_DOT, position) != last
            or octets.startswith(b".", position)
        ):
            return
        buffer.position = len(octets)
        self.takeText(octets[position : last + 2])
        self._bodyEnded()

    def _cameOf(self, outcome: Outcome, verb: bytes) -> None:
        """
        Say what came of a command, or go on with it.

        @param verb: its name.
        """
        if type(outcome) is Reply:
            self._say(outcome)
        elif outcome is not None:
            owner = ownerOf(self.profile.table[verb].run)
            self._begin(cast(ServerDialogue, outcome), owner)


__all__ = ["OrdinaryServer"]
