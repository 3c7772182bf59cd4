"""
The server takes in a file that a user of this machine has dropped
(L{smtpx.spool.dropfolder}).

Nobody waits for an answer.  So a recipient whom no mail is taken for is written down
with the reply, and the sender is told in a report, as of any other failure; where the
whole message is refused, that goes for all of them.  What is refused for now is tried
again for some hours, all of it, and then it is refused for good.  The hours in which
the server was not there do not count: nobody has tried it then.

Whose mail a file is, is who owns it; what it says of that counts for nothing.  A file
that makes no sense is put aside, with a line in the log.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Callable

from attrs import frozen

from ..core.address import forwardPath, reversePath
from ..core.envelope import Envelope, Recipient
from ..core.errors import Malformed, SMTPXError
from ..core.hooks import Where
from ..core.queueprofile import REFUSED
from ..core.reply import Reply
from ..core.verbs import receive
from ..net.factory import SMTPServerFactory
from ..spool.dropfile import BadDrop, Drop, messageOf, readDrop
from .dropreceiving import TAKEN, DropArrival, DropReceiver, Taken
from .dropsession import DropSession

#: For how long a message is tried again of which a policy wants no part for now, in
#: seconds.
_PATIENCE_SECONDS = 4 * 3600.0

#: So much of a refused message is kept for the report.
_RETURNED_OCTETS = 1 << 16

#: A user's name that can stand in a Received field.
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}\Z")


def userName(uid: int) -> str:
    """What a user is called; the number, if nothing can be made of the name."""
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid{uid}"
    return name if _PLAIN.match(name) else f"uid{uid}"


@frozen
class DropRules:
    """
    What users of this machine may do.

    @ivar mostOctets: the longest message, in octets.
    @ivar forceSender: do they send as themselves?
    @ivar trusted: the names of those who need not.
    """

    mostOctets: int
    forceSender: bool = False
    trusted: frozenset[str] = frozenset()


class NotNow(SMTPXError):
    """A file cannot be taken now; the text says why."""


class DropTaker:
    """
    Takes files out of the folder.
    """

    def __init__(
        self,
        now: Callable[[], float],
        receiver: DropReceiver,
        factory: SMTPServerFactory,
        rules: DropRules,
        user: Callable[[int], str] = userName,
    ) -> None:
        """
        @param now: seconds since the epoch.
        @param receiver: where messages go.
        @param factory: what makes of them what they are to be, before that.
        @param user: the name of a user, by number.
        """
        self._now = now
        self._receiver = receiver
        self._factory = factory
        self._rules = rules
        self._user = user
        self._started = now()

    async def take(self, name: str) -> None:
        """
        Take a file.

        @raise BadDrop: it is no mail.
        @raise NotNow: it is to be tried again.
        @raise OSError: it cannot be read, or is gone.
        """
        number = self._receiver.folder.open(name)
        try:
            drop = readDrop(number, self._rules.mostOctets)
            owner = os.fstat(number)
            user = self._user(owner.st_uid)
            old = self._now() - self._since(owner) > _PATIENCE_SECONDS
            await _Taking(self, name, number, _checked(drop), user, old).run()
        finally:
            os.close(number)

    def _since(self, found: os.stat_result) -> float:
        """
        Since when a file could have been taken, in seconds since the epoch.

        Its owner may say any time of the last change to what is in it, also one to
        come, but not of the last change to the file.
        """
        return max(min(found.st_mtime, found.st_ctime), self._started)

    def session(self, taken: Taken, user: str) -> DropSession:
        """A conversation about a file."""
        session = DropSession(self._factory, user.encode("ascii"))
        session.core.stamps[TAKEN] = taken
        return session

    def taken(self, name: str, user: str) -> Taken:
        """What is known of a file from the start."""
        own = user.encode("ascii") + b"@" + self._factory.profile.name
        forced = self._rules.forceSender and user not in self._rules.trusted
        return Taken(name, own, forced)

    @property
    def receiver(self) -> DropReceiver:
        """Where messages go."""
        return self._receiver


def _checked(drop: Drop) -> Drop:
    """
    The same.

    @raise BadDrop: an address in it is none.
    """
    try:
        reversePath(drop.sender)
        for each in drop.recipients:
            forwardPath(each)
    except Malformed as error:
        raise BadDrop(f"an address is none: {error}") from None
    return drop


class _Taking:
    """
    One file being taken.
    """

    def __init__(
        self,
        taker: DropTaker,
        name: str,
        number: int,
        drop: Drop,
        user: str,
        old: bool,
    ) -> None:
        """
        @param number: the file's descriptor.
        @param old: has it been tried for long enough?
        """
        self._taker = taker
        self._number = number
        self._drop = drop
        self._old = old
        self._taken = taker.taken(name, user)
        self._session = taker.session(self._taken, user)

    async def run(self) -> None:
        """
        Do it.

        @raise BadDrop: it is damaged.
        @raise NotNow: it is to be tried again.
        """
        session = self._session
        try:
            said = await self._envelope()
            if said is None:
                message = messageOf(self._number, self._drop)
                said = self._patient(await session.deliver(message))
            if said.refuses:
                await self._refuse(said)
        finally:
            session.close()

    def _sender(self) -> bytes:
        """What stands behind MAIL."""
        path, parameters = reversePath(self._drop.sender)
        if self._taken.forced and path:
            path = self._taken.own
        return b"FROM:<%b> %b" % (path, parameters)

    async def _envelope(self) -> Reply | None:
        """
        Say who sends it, and to whom.

        @return: the refusal, if nobody may get it.
        @raise NotNow: somebody may not get it now.
        """
        session = self._session
        said = self._patient(await session.greet())
        if not said.refuses:
            said = self._patient(await session.say(b"MAIL " + self._sender()))
        if said.refuses:
            return said
        refused = []
        for each in self._drop.recipients:
            said = self._patient(await session.say(b"RCPT " + each))
            if said.refuses:
                refused.append((each, said))
        self._taken.refused = [self._recipient(*each) for each in refused]
        if len(refused) < len(self._drop.recipients):
            return None
        return refused[0][1]

    def _patient(self, said: Reply) -> Reply:
        """
        An answer that will not be another one later.

        @raise NotNow: it may be.
        """
        if said.refuses and not said.permanent and not self._old:
            raise NotNow(said.onOneLine)
        return said

    def _recipient(self, argument: bytes, said: Reply) -> Recipient:
        """
        A recipient whom no mail is taken for.

        @param argument: what stands behind RCPT.
        """
        path, parameters = forwardPath(argument)
        recipient = Recipient(path)
        # Whether its sender wants to be told stands in its parameters.  Those that
        # are refused are left out.
        receive(self._session.core, Where.RCPT, parameters, recipient)
        recipient.stamps[REFUSED] = said.octets
        return recipient

    async def _refuse(self, said: Reply) -> None:
        """
        Nobody may get it: tell the sender, by a message that fails.

        @param said: why.
        @raise NotNow: that cannot be put down now.
        """
        core, taken, drop = self._session.core, self._taken, self._drop
        if not taken.refused or len(taken.refused) < len(drop.recipients):
            taken.refused = [self._recipient(each, said) for each in drop.recipients]
        path, parameters = reversePath(self._sender())
        core.reset()
        envelope = Envelope(path, core.now())
        receive(core, Where.MAIL, parameters, envelope)
        core.envelope = envelope
        arrival = self._taker.receiver.begin(core, envelope)
        if not isinstance(arrival, DropArrival):
            raise NotNow(arrival.onOneLine)
        left = _RETURNED_OCTETS
        try:
            for piece in messageOf(self._number, drop):
                arrival.write(piece[:left])
                envelope.octets += len(piece[:left])
                left -= len(piece[:left])
        except BaseException:
            arrival.abort()
            raise
        answer = await arrival.finish(core, envelope)
        if answer.refuses:
            raise NotNow(answer.onOneLine)


__all__ = ["DropRules", "DropTaker", "NotNow", "userName"]
