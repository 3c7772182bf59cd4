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
from .dialogue import ServerDialogue, Verdict
from .domain import LABEL
from .effects import MayReceive
from .envelope import Envelope, Recipient
from .facts import COMMAND, DOTTED
from .reply import OK, Reply
from .servermachine import ServerMachine
from .verbs import GO_AHEAD, Outcome, begin, judged, opening

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

    def _goOn(self) -> None:
        """
        Take what is in the buffer: what is ordinary in a straight line, all else by the
        machine.
        """
        buffer = self._buffer
        octets, position = buffer.data, buffer.position
        end = len(octets)
        if position == end:
            return
        if self.ordinary and not self.closed:
            if self.mode == COMMAND:
                if not (self._skipping or self.bodyBegun or self.helo is None):
                    self._ordinaryCommands(octets, position, end)
            elif self.mode == DOTTED and self._reader is None:
                self._ordinaryBody(octets, position, end)
            if buffer.position == end:
                return
        self._run()

    def _ordinaryCommands(self, octets: bytes, position: int, end: int) -> None:
        """
        Take the commands that are next, as long as they are ordinary.  It is the
        client's turn; it has said who it is.
        """
        plain, envelope = self.plain, self.envelope
        if envelope is None:
            if not (plain.mail and self._ordinaryMail(octets, position, end)):
                return
            position = self._buffer.position
            envelope = self.envelope
            if position == end or envelope is None:
                return
        if envelope._stamps is not None and self.stamped(envelope):
            return
        if end - position != _DATA_OCTETS and plain.rcpt:
            position = self._ordinaryRcpts(octets, position, end, envelope)
        if (
            end - position == _DATA_OCTETS
            and octets.endswith(_DATA)
            and plain.data
            and self.mode == COMMAND
            and (envelope._stamps is None or not self.stamped(envelope))
        ):
            self._buffer.position = end
            self.progress += 1
            self._line = _DATA[:-2]
            self.gated = None
            opened = self.tryOpen()
            if opened is None:
                self._out += GO_AHEAD.octets
                self.mode = DOTTED
            else:
                outcome: Outcome = opened
                if type(opened) is not Reply:
                    session = cast("ServerConnection", self)
                    outcome = opening(session, cast(Verdict, opened))
                self._cameOf(outcome, b"DATA")

    def _ordinaryMail(self, octets: bytes, position: int, end: int) -> bool:
        """
        Take a MAIL command, if it is ordinary.

        @return: is there a transaction now?
        """
        found = _mail(octets, position)
        if found is None:
            return False
        after = found.end()
        sender = found[1]
        bounds = self.profile.bounds
        most = bounds.transactionsMax
        if (
            len(sender) > _PATH_OCTETS
            or after - position > bounds.commandOctets
            or (after != end and not self._pipelined)
            or (most is not None and self.transactions >= most)
        ):
            return False
        self._buffer.position = after
        self.progress += 1
        self._line = octets[position : after - 2]
        self.gated = None
        if after != end:
            self.batched = True
        self.transactions += 1
        try:
            session = cast("ServerConnection", self)
            outcome = begin(session, sender, found[2] or b"")
        except Exception as error:
            outcome = self.trouble(error, CORE)
        if outcome is OK:
            self._out += OK.octets
            return True
        self._cameOf(outcome, b"MAIL")
        return False

    def _ordinaryRcpts(
        self, octets: bytes, position: int, end: int, envelope: Envelope
    ) -> int:
        """
        Take the RCPT commands that are next, as long as they are ordinary and nobody
        has anything to say of a recipient.

        @return: where the next command begins.
        """
        buffer, direct, recipients = self._buffer, self.direct, envelope.recipients
        most, ok = self.profile.bounds.recipientsMax, OK.octets
        while position != end and len(recipients) < most:
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
            position = after
            recipient = Recipient(found[1])
            try:
                if direct is None:
                    question = MayReceive(self, envelope, recipient)
                    answer = self.port.ask(question)
                else:
                    answer = direct.mayReceive(self, envelope, recipient)
            except Exception as error:
                self._say(self.trouble(error, CORE))
                break
            if answer is not None:
                session = cast("ServerConnection", self)
                self._cameOf(judged(session, recipient, None, answer), b"RCPT")
                break
            recipients.append(recipient)
            self._out += ok
            if envelope._stamps is not None and self.stamped(envelope):
                break
        return position

    def _ordinaryBody(self, octets: bytes, position: int, end: int) -> None:
        """
        Take the body behind a 354, if all of it is there and nothing in it was stuffed.
        Nothing of it was taken yet.
        """
        last = end - _END_OCTETS
        if (
            not octets.endswith(_END)
            or not self.bodyBegun
            or octets.find(_DOT, position) != last
            or octets.startswith(b".", position)
        ):
            return
        self._buffer.position = end
        self.takeText(octets[position : last + 2], True)
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
