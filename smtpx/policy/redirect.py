"""
What an alias does to a message: at RCPT it is known where an address leads, and
when the message is taken, whom it leads to stands in the place of the address.

So each of them has a state of its own in the spool, and is delivered to once,
whatever becomes of the others.  What was said at RCPT holds: aliases that change
before the message is whole are for the next one.

The client's own recipients are as they were, in the journal and for policies.
Whoever is among them, and in an alias besides, gets the message once, as the
client wished it.

Where an alias leads to several and the sender wants to hear of success, he hears that
it was expanded (RFC 3461 section 5.2.7.3): the address stays among the recipients,
marked as one that gets nothing, and the queue reports it with the first round, in the
same step in which it is finished with.
"""

from __future__ import annotations

from ..core.envelope import Envelope, Recipient, Stamp
from ..core.hooks import Action, News
from ..core.queueprofile import DISCARDED, EXPANDED, QueueProfile
from ..core.reply import Reply, reply
from .aliases import Aliases
from .aliastable import Expansion

#: RFC 5321 section 4.5.3.1.10.
TOO_MANY = reply(452, "4.5.3", b"Too many recipients; send to the rest later")

#: Whom a recipient's alias leads to; nobody: it is to be thrown away.  Not for the
#: spool.
PATHS = Stamp[tuple[bytes, ...]]("alias.paths", None, lambda text: ())

#: How many recipients the aliases of an envelope lead to.  Not for the spool.
COUNT = Stamp[int]("alias.count", None, int)


class Redirection:
    """
    Puts others in the place of recipients that have an alias.
    """

    __slots__ = ("_aliases", "_profile")

    def __init__(self, aliases: Aliases, profile: QueueProfile) -> None:
        """
        @param profile: what becomes of extensions' stamps.
        """
        self._aliases = aliases
        self._profile = profile

    def expand(self, path: bytes) -> Expansion | None:
        """
        Where an address leads.

        @return: L{None}: to itself.  There is always a postmaster (RFC 5321
            section 4.5.1): where an alias says that nobody gets a postmaster's
            mail, the mailbox of that name does.
        """
        expansion = self._aliases.expand(path)
        if expansion is None or expansion.paths:
            return expansion
        ours = self._aliases.table.reach.local
        return None if ours.isPostmaster(path) else expansion

    def note(
        self, envelope: Envelope, recipient: Recipient, expansion: Expansion
    ) -> Reply | None:
        """
        A recipient with an alias is about to be accepted.

        @param recipient: not yet among the envelope's.
        @return: L{None}: there is nothing against it.
        """
        if expansion.reply is not None:
            return expansion.reply
        before = envelope.stamp(COUNT) or 0
        count = before + len(expansion.paths)
        # One alone is within bounds: it would not have been read otherwise.
        if before and count > self._aliases.table.bounds.recipientsMax:
            return TOO_MANY
        envelope.stamps[COUNT] = count
        recipient.stamps[PATHS] = expansion.paths
        return None

    def _key(self, path: bytes) -> bytes:
        return self._aliases.table.address(path).key

    def redirected(self, envelope: Envelope) -> Envelope:
        """
        The envelope as it goes into the spool; the same, where there is no alias
        in it.
        """
        if envelope.stamp(COUNT) is None:
            return envelope
        recipients: list[Recipient] = []
        taken = {
            self._key(each.path)
            for each in envelope.recipients
            if each.stamp(PATHS) is None
        }
        for recipient in envelope.recipients:
            paths = recipient.stamp(PATHS)
            if paths is None:
                recipients.append(recipient)
            elif not paths:
                thrown = recipient.redirected(recipient.path)
                thrown.stamps[DISCARDED] = True
                recipients.append(thrown)
            else:
                several = len(paths) > 1
                if several and self._isTold(envelope, recipient):
                    expanded = recipient.redirected(recipient.path)
                    expanded.stamps[EXPANDED] = True
                    recipients.append(expanded)
                for path in paths:
                    key = self._key(path)
                    if key not in taken:
                        taken.add(key)
                        recipients.append(
                            self._profile.redirected(recipient, path, several)
                        )
        return envelope.addressedTo(recipients)

    def _isTold(self, envelope: Envelope, recipient: Recipient) -> bool:
        """Does the sender want to hear that an alias leads to several?"""
        wish = self._profile.wishFor(envelope, recipient, News(Action.EXPANDED))
        return wish.send is True


__all__ = ["Redirection"]
