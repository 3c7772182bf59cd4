"""
ETRN (RFC 1985): now is the time to send what waits for me.

A host that is not always there, and whose mail waits here meanwhile, says when it is
back, and need not wait until it is tried again.  What waits is sent over connections
of ours, to wherever the routes say, so it does not matter who asks; but as it makes
work, only who is trusted may, and only for domains that are named.

The verb is run by whoever answers L{StartQueue}, who knows the queue; without one the
server does not know the word.

As a client it asks, between the greeting and the first message, for the nodes it was
made with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

from attrs import field, frozen
from zope.interface import implementer

from .. import sasl
from ..core.addresstable import AddressTable, domainKey
from ..core.dialogue import (
    ClientDialogue,
    Question,
    ServerDialogue,
    Step,
    ask,
    send,
    sync,
)
from ..core.domain import checkDomain
from ..core.errors import Malformed
from ..core.grammar import KEYWORD
from ..core.hooks import Capability, Phase, Verb
from ..core.hostlist import HostList
from ..core.interfaces import (
    IClientBuilder,
    IClientExtension,
    IClientSession,
    IServerBuilder,
    IServerExtension,
    IServerSession,
)
from ..core.reply import BAD_SEQUENCE, Reply, reply

CAPABILITY = Capability[bool](b"ETRN", KEYWORD)

#: The longest node that is shown in a reply, in octets.
_NODE_OCTETS = 255

_NOTHING = reply(500, "5.5.2", b"Syntax error: which node?")
_NO_DOMAIN = reply(501, "5.5.4", b"Syntax error: a node is a domain with a dot")
_NO_QUEUE = reply(458, "4.3.3", b"Unable to queue messages: no queue has a name here")
_NOT_YOU = reply(459, "4.7.1", b"Node not allowed: ask somebody else")
_NOT_OURS = reply(459, "4.7.1", b"Node not allowed: nothing is kept for it here")


class State(Enum):
    """
    What became of it (section 5.1).

    @cvar STARTED: it goes on, and nobody knows yet what there is.
    @cvar NOTHING: nothing waits.
    @cvar PENDING: it goes on, and some are on their way.
    @cvar COUNTED: it has been done, with so many.
    @cvar UNABLE: it cannot be done now.
    @cvar TOO_OFTEN: it was asked for a moment ago.
    """

    STARTED = 250
    NOTHING = 251
    PENDING = 252
    COUNTED = 253
    UNABLE = 458
    TOO_OFTEN = 459


@frozen
class Begun:
    """
    What became of it.

    @ivar count: how many messages are tried now, if C{COUNTED}.
    """

    state: State
    count: int = 0


_TEXTS = {
    State.STARTED: "OK, queuing for node {node} started",
    State.NOTHING: "OK, no messages waiting for node {node}",
    State.PENDING: "OK, pending messages for node {node} started",
    State.COUNTED: "OK, {count} pending messages for node {node} started",
    State.UNABLE: "Unable to queue messages for node {node}",
    State.TOO_OFTEN: "Node {node} not allowed: asked for too often",
}
_STATUSES = {State.UNABLE: "4.3.0", State.TOO_OFTEN: "4.7.0"}


@frozen
class StartQueue(Question[Begun]):
    """
    Try at once what waits for a domain.

    @ivar node: in lower case.
    @ivar below: what waits for the domains below it as well?
    @ivar session: who wants it.
    """

    node: str
    below: bool
    session: IServerSession = field(eq=False, repr=False)


@frozen
class ETRNSettings:
    """What an operator may set of ETRN."""

    hosts: HostList = field(
        default=HostList(),
        metadata={"help": "The clients that may ask for mail to be sent now."},
    )
    users: tuple[str, ...] = field(
        default=(),
        validator=sasl.checkUsers,
        metadata={
            "help": 'The users who may; "*" is everybody who has logged in.',
        },
    )
    domains: tuple[str, ...] | None = field(
        default=None,
        metadata={
            "help": "For which domains; ``*.example.org`` is every domain below it.  If"
            " not given, those of ``relay.domains``.",
        },
    )


class IETRN(IServerExtension, IClientExtension):
    """ETRN (RFC 1985)."""


@implementer(IETRN)
class ETRN:
    """
    The ETRN extension.

    @ivar options: the settings.
    @ivar kept: patterns of the domains for which mail is kept here, where the settings
        do not name any; L{None}: nobody answers L{StartQueue}.
    @ivar nodes: what a client asks for, as it stands behind the verb.
    @ivar told: told of the reply to each; L{None}: the host does not have the
        extension.
    """

    name = "ETRN"
    requires: tuple[str, ...] = ()
    settings = ETRNSettings

    def __init__(
        self,
        settings: ETRNSettings = ETRNSettings(),
        *,
        kept: Sequence[str] | None = None,
        nodes: Sequence[bytes] = (),
        told: Callable[[bytes, Reply | None], object] = lambda node, got: None,
    ) -> None:
        """
        @raise smtpx.core.errors.UsageError: a pattern is none.
        """
        self.options = settings
        self.kept = kept
        self.nodes = tuple(nodes)
        self.told = told
        self._trusted = sasl.Trusted(settings.hosts, settings.users)
        patterns = settings.domains if settings.domains is not None else kept or ()
        self._domains = AddressTable((each, True) for each in patterns)

    def configured(self, settings: ETRNSettings) -> ETRN:
        """See L{smtpx.core.interfaces.IExtension}."""
        return ETRN(settings, kept=self.kept, nodes=self.nodes, told=self.told)

    # --- server ---------------------------------------------------------------

    def extendServer(self, server: IServerBuilder) -> None:
        """See L{IServerExtension}.  While it is for nobody, it is not there."""
        if self.kept is None or self._trusted.nobody:
            return
        server.capability(CAPABILITY, self._advertise)
        server.verb(Verb(b"ETRN", self._etrn, help=b"ETRN [@]domain"))

    def _advertise(self, session: IServerSession) -> bool | None:
        return True if self._trusted.includes(session) else None

    def _etrn(self, session: IServerSession, rest: bytes) -> Reply | ServerDialogue:
        if session.envelope is not None or session.helo is None:
            return BAD_SEQUENCE
        if not self._trusted.includes(session):
            return _NOT_YOU
        wanted = rest.strip()
        if not wanted:
            return _NOTHING
        if wanted[:1] == b"#":
            return _NO_QUEUE
        below = wanted[:1] == b"@"
        node = (wanted[1:] if below else wanted).lower()
        try:
            checkDomain(node)
        except Malformed:
            return _NO_DOMAIN
        if b"." not in node or node[:1] == b"[" or not node.isascii():
            return _NO_DOMAIN
        if not self._keeps(node, below):
            return _NOT_OURS
        return _started(session, node, below)

    def _keeps(self, node: bytes, below: bool) -> bool:
        """Is mail kept for a domain here, and for what is below it?"""
        key = domainKey(node)
        if below and not self._domains.domain(b"x." + key):
            return False
        return bool(self._domains.domain(key))

    # --- client ---------------------------------------------------------------

    def extendClient(self, client: IClientBuilder) -> None:
        """See L{IClientExtension}."""
        client.capability(CAPABILITY)
        if self.nodes:
            client.step(Phase.AUTHENTICATE, self._step)

    def _step(self, session: IClientSession) -> ClientDialogue:
        if session.guessed:
            yield from sync()
        for node in self.nodes:
            if not session.offered(CAPABILITY):
                self.told(node, None)
                continue
            got = yield from send(b"ETRN " + node)
            self.told(node, got)
            if got.permanent:
                # Section 5.2: the others would not do any better.
                return Step.DONE
        return Step.DONE


def _started(session: IServerSession, node: bytes, below: bool) -> ServerDialogue:
    name = node.decode("ascii")
    begun = yield from ask(StartQueue(name, below, session))
    shown = ("@" if below else "") + name[:_NODE_OCTETS]
    text = _TEXTS[begun.state].format(node=shown, count=begun.count)
    status = _STATUSES.get(begun.state, "2.0.0")
    return reply(begun.state.value, status, text.encode("ascii"))
