"""
What is found out of who sent a message: SPF, DKIM, ARC and DMARC.

This is what policies, rules, logs and reports see of it.  L{IVerdicts} answers them;
L{smtpx.policy.authentication} is what does the work.

Nothing here refuses a message.  What a verdict means is left to who asks for it.
"""

from __future__ import annotations

from attrs import field, frozen
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from ..core.envelope import Envelope
from ..core.interfaces import IServerSession
from ..core.submitted import Field
from ..mailauth.arcvalues import Chain
from ..mailauth.dkimvalues import DKIMResult, Verified
from ..mailauth.dmarc import Verdict
from ..mailauth.results import AuthenticationResults
from ..mailauth.spfquery import Outcome


@frozen
class Verdicts:
    """
    What was found out of one message.

    @ivar spf: may the client send for the sender's domain?  L{None}: that is not
        looked at.
    @ivar guess: the best guess, where the domain has nothing to say; L{None}: it is not
        made, or there was no need of it.
    @ivar dkim: what came of each signature, one for none; L{None}: those are not looked
        at.
    @ivar arc: the chain of those who passed it on; L{None}: that is not looked at.
    @ivar dmarc: what the domain of C{From} wants; L{None}: that is not looked at.
    @ivar results: all of it, and how the client was known, as it is written.
    @ivar fields: the header as it came.
    """

    spf: Outcome | None = None
    guess: Outcome | None = None
    dkim: tuple[Verified, ...] | None = None
    arc: Chain | None = None
    dmarc: Verdict | None = None
    results: AuthenticationResults = field(
        factory=lambda: AuthenticationResults(b"localhost")
    )
    fields: tuple[Field, ...] = ()

    @property
    def signers(self) -> tuple[bytes, ...]:
        """The domains whose signatures are good, each once."""
        good = [one.domain for one in self.dkim or () if one.result is DKIMResult.PASS]
        return tuple(dict.fromkeys(good))


class IVerdicts(Interface):
    """
    Tells what was found out.

    Each is found out once in a transaction, and is there for all who ask.  None of the
    Deferreds fails: a check that goes wrong, or takes too long, comes to a temporary
    error, and the operator is told.  A Deferred may be cancelled, which is nobody
    else's loss.

    Of some clients nothing is found out (L{checks}): they have logged in, may relay, or
    are not among the hosts that the operator wants to be checked.
    """

    methods: frozenset[str] = Attribute(
        "What is looked at: some of C{spf}, C{dkim}, C{arc}, C{dmarc}."
    )

    def checks(session: IServerSession) -> bool:
        """Is anything found out of what this client sends now?"""

    def spf(session: IServerSession, envelope: Envelope) -> Deferred[Outcome | None]:
        """
        May the client send for this sender?  To be asked from MAIL on.

        Who asks for a client that may be a recording (L{IPolicy}) has others look
        things up in the DNS, which costs them little.

        @return: fires with L{None} where nothing is found out.
        """

    def guess(session: IServerSession, envelope: Envelope) -> Deferred[Outcome | None]:
        """
        The same, with the best guess where the sender's domain has no record.  To be
        asked from MAIL on.
        """

    def message(
        session: IServerSession, envelope: Envelope
    ) -> Deferred[Verdicts | None]:
        """
        What was found out of the message; to be asked once it is there
        (C{Stage.MESSAGE}, C{mayDeliver}).

        @return: fires with L{None} where nothing is found out.
        """


class IWitness(Interface):
    """
    Is told what was found out of a message, once it is known what became of it.
    """

    def concluded(
        session: IServerSession,
        envelope: Envelope,
        verdicts: Verdicts,
        id: str | None,
    ) -> None:
        """
        A message was taken, or refused.  An exception is told to the operator, and is
        nobody else's trouble.

        @param id: in the spool; empty: it has none; L{None}: it was refused.
        """


__all__ = ["IVerdicts", "IWitness", "Verdicts"]
