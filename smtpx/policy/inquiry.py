"""
What is found out in one transaction of who sent a message; see
L{smtpx.policy.authentication}.

An L{Inquiry} is asked by policies, and fed by L{smtpx.policy.checking} with what
arrives.  Each check is on its own: what goes wrong with one comes to C{temperror}, and
is told to the operator.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from attrs import field, frozen
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from ..core.envelope import Envelope
from ..core.interfaces import IServerSession
from ..core.submitted import headerEnd
from ..dns.answering import answered
from ..dns.interfaces import IResolver
from ..mailauth import dmarc, iprev, spf
from ..mailauth.arcvalues import chainResult
from ..mailauth.asking import Asking, Unanswered
from ..mailauth.authordomain import NoAuthor, authorDomain
from ..mailauth.dkimvalues import DKIMResult, Verified
from ..mailauth.dkimverify import VerifyTerms
from ..mailauth.publicsuffix import PublicSuffixes
from ..mailauth.results import AuthenticationResults
from ..mailauth.spfquery import LIMITS, Limits, Outcome, Query, queryOf
from ..mailauth.spfrecord import Record, SPFResult
from ..observe.authlog import CHECKED
from .chain import Trouble
from .dmarccontrols import DMARC_DISABLED
from .marks import UNCHECKED, Marks
from .seen import SeenHeader
from .shared import Shared
from .told import authTold, dkimTold, dmarcTold, noted, spfTold
from .verdicts import Verdicts

T = TypeVar("T")

#: How many pieces, of 64 KiB at most, are hashed before others get their turn.
_PIECES_AT_ONCE = 16

#: All there is to be looked at.  A guess is made of those alone who are not in SPF.
METHODS = ("iprev", "spf", "spf_guess", "dkim", "arc", "dmarc")


@frozen
class Terms:
    """
    What is found out, and how.

    @ivar methods: some of L{METHODS}.
    @ivar seconds: how long the DNS may take for one check (RFC 7208 section 4.6.4 wants
        20 at least).
    @ivar signatures: what is asked of those of DKIM.
    @ivar limits: of SPF.
    @ivar guess: the record that is evaluated for senders' domains that have none, for
        who asks, and of all where C{methods} say so; L{None}: a guess is made of
        nobody.
    @ivar suffixes: gives the public suffix list that DMARC goes by; L{None}, or what
        gives it: by RFC 9989.
    """

    methods: frozenset[str] = frozenset(METHODS)
    seconds: float = 20.0
    signatures: VerifyTerms = VerifyTerms()
    limits: Limits = LIMITS
    guess: Record | None = None
    suffixes: Callable[[], PublicSuffixes | None] = field(default=lambda: None)


@frozen
class Means:
    """
    What an inquiry needs of the world.

    @ivar trouble: told of checks that go wrong.
    @ivar name: who says what was found out (the authserv-id of RFC 8601 section 2.5).
    @ivar lot: from 0 to 99, drawn for each message (C{pct} of RFC 7489).
    """

    resolver: IResolver
    clock: IReactorTime
    trouble: Trouble
    name: bytes
    terms: Terms
    lot: Callable[[], int]


class Inquiry:
    """
    One transaction's.

    @ivar write: takes a piece of the body, once the header is there.
    @ivar reread: gives all of the message, where nothing of it came here; L{None}: all
        of it did.
    """

    def __init__(self, means: Means, session: IServerSession, envelope: Envelope):
        self._means = means
        self._session = session
        self._envelope = envelope
        self._header = SeenHeader((), True, ())
        #: Gives a header that has not ended when the message has; there is no body.
        self.lastly: Callable[[], None] | None = None
        self._host: Shared[iprev.HostName] | None = None
        self._spf: Shared[Outcome | None] | None = None
        self._guess: Shared[Outcome | None] | None = None
        self._marks = Marks(self._troubled)
        self._keys: list[Shared[None]] = []
        self._policy: Shared[None] | None = None
        self._message: Shared[Verdicts] | None = None
        self.write: Callable[[bytes], None] = self._marks.write
        self.reread: Callable[[], Iterator[bytes]] | None = None

    @property
    def wantsBody(self) -> bool:
        """Is the body to be written here?"""
        return self._marks.hashes is not None

    # --- what it is asked -----------------------------------------------------------

    def spf(self) -> Deferred[Outcome | None]:
        """See L{smtpx.policy.verdicts.IVerdicts}."""
        if "spf" not in self._means.terms.methods:
            return succeed(None)
        if self._spf is None:
            self._spf = _shared(self._askSPF())
        return self._spf.wait()

    def guess(self) -> Deferred[Outcome | None]:
        """See L{smtpx.policy.verdicts.IVerdicts}."""
        terms = self._means.terms
        if terms.guess is None or "spf" not in terms.methods:
            return self.spf()
        if self._guess is None:
            self._guess = _shared(self._askGuess(terms.guess))
        return self._guess.wait()

    def message(self) -> Deferred[Verdicts]:
        """See L{smtpx.policy.verdicts.IVerdicts}."""
        if self._message is None:
            if self.lastly is not None:
                self.lastly()
            self._message = _shared(self._conclude())
        return self._message.wait()

    # --- what it is told ------------------------------------------------------------

    def begin(self) -> None:
        """Find out what can be found out of the client and the sender."""
        if "spf" in self._means.terms.methods and self._spf is None:
            self._spf = _shared(self._askSPF())
        if "iprev" in self._means.terms.methods and self._host is None:
            self._host = _shared(self._askHost())

    def header(self, octets: bytes) -> None:
        """
        The header is there: begin to look for keys.

        @param octets: what stands before the empty line, with its CRLFs.
        """
        seen = self._header = SeenHeader.of(octets)
        terms = self._means.terms
        if "dmarc" in terms.methods and not self._envelope.stamp(DMARC_DISABLED):
            self._policy = _shared(self._bounded("dmarc", self._glance(), _nothing))
        now, signatures = self._session.now(), terms.signatures
        asked = self._marks.header(
            terms.methods, seen.fields, now, signatures, seen.whole
        )
        for owner, asking in asked:
            self._keys.append(_shared(self._bounded(owner, asking, _nothing)))

    @property
    def verdicts(self) -> Verdicts | None:
        """What was found out; L{None}: that is not known, or nobody has asked."""
        return None if self._message is None else self._message.result

    def cancel(self) -> None:
        """There will be no such message."""
        running = (self._host, self._spf, self._guess, self._policy, self._message)
        for each in (*running, *self._keys):
            if each is not None:
                each.cancel()

    # --- the client and the sender --------------------------------------------------

    async def _askHost(self) -> iprev.HostName:
        unknown = iprev.HostName(b"temperror")
        name = self._session.peerName
        if name is not None:
            return iprev.HostName(b"pass", name)
        asking = iprev.check(self._session.peer)
        return await self._bounded("iprev", asking, lambda why: unknown)

    async def _askSPF(self) -> Outcome | None:
        query = self._query()
        asking = spf.check(query, self._means.terms.limits, self._session.now)
        outcome = await self._bounded("spf", asking, _noOutcome(query, False))
        # Whatever is refused from here on is told of with it.
        self._envelope.stamps[CHECKED] = {"spf": outcome.result.value}
        return outcome

    async def _askGuess(self, record: Record) -> Outcome | None:
        outcome = await self.spf()
        if outcome is not None and outcome.result is not SPFResult.NONE:
            return outcome
        query, terms = self._query(), self._means.terms
        asking = spf.guess(query, record, terms.limits, self._session.now)
        return await self._bounded("spf guess", asking, _noOutcome(query, True))

    def _query(self) -> Query:
        session = self._session
        receiver = session.name.decode("ascii")
        return queryOf(
            session.peer, self._envelope.sender, session.helo or b"", receiver
        )

    # --- the message ----------------------------------------------------------------

    async def _conclude(self) -> Verdicts:
        """The message is there: what came of it all?"""
        self.begin()
        if self.reread is not None:
            await self._readAgain(self.reread)
        methods = self._means.terms.methods
        host = None if self._host is None else await self._host.wait()
        outcome, guess = await self.spf(), None
        if self._guess is not None or "spf_guess" in methods:
            guess = await self.guess()
        for each in self._keys:
            await each.wait()
        self._marks.end()
        signatures = self._marks.signatures() if "dkim" in methods else None
        chain = self._marks.chain() if "arc" in methods else None
        judged = None
        if "dmarc" in methods:
            judged = dmarc.OFF
            if not self._envelope.stamp(DMARC_DISABLED):
                judged = await self._dmarc(outcome, signatures or ())
        if guess is not None and not guess.guessed:
            guess = None
        client, sender = self._session.peer, self._envelope.sender
        told = [
            None if host is None else host.told(client),
            authTold(self._session),
            None if outcome is None else spfTold(outcome, sender),
            None if guess is None else spfTold(guess, sender),
            *map(dkimTold, signatures or ()),
            None if judged is None else dmarcTold(judged),
            None if chain is None else chainResult(chain, client),
        ]
        results = tuple(each for each in told if each is not None)
        verdicts = Verdicts(
            outcome,
            guess,
            signatures,
            chain,
            judged,
            AuthenticationResults(self._means.name, results),
            self._header.fields,
        )
        # Also for a message that a rule refuses now: its line tells why.
        self._envelope.stamps[CHECKED] = noted(verdicts)
        return verdicts

    async def _readAgain(self, reread: Callable[[], Iterator[bytes]]) -> None:
        """
        Read a message of which a part came before (CHECKPOINT), from its start on.

        It has waited for its client for long, and can wait for others in between.
        """
        held: bytearray | None = bytearray()
        try:
            for count, piece in enumerate(reread()):
                if held is None:
                    self.write(piece)
                else:
                    end = headerEnd(held, piece)
                    if end is not None:
                        self._headed(bytes(held), end)
                        held = None
                if count % _PIECES_AT_ONCE == _PIECES_AT_ONCE - 1:
                    await deferLater(self._means.clock, 0)
            if held is not None:
                self._headed(bytes(held), len(held))
        except OSError as error:
            self._troubled("rereading", error)

    def _headed(self, octets: bytes, end: int) -> None:
        """The header is there, and what stands behind it."""
        self.header(octets[:end])
        self.write(octets[end + 2 :])

    def _glance(self) -> Asking[None]:
        """Ask for the policy, so that it is at hand when it is wanted."""
        with suppress(NoAuthor, Unanswered):
            author = authorDomain(self._header.authors)
            yield from dmarc.boundaries(self._means.terms.suffixes()).policy(author)

    async def _dmarc(
        self, outcome: Outcome | None, signatures: Sequence[Verified]
    ) -> dmarc.Verdict:
        try:
            author = authorDomain(self._header.authors)
        except NoAuthor as error:
            return dmarc.noFrom(str(error))
        evidence = dmarc.Evidence(
            author,
            _proven(outcome, SPFResult.PASS),
            _domains(signatures, DKIMResult.PASS),
            self._means.lot(),
            _proven(outcome, SPFResult.TEMPERROR),
            _domains(signatures, DKIMResult.TEMPERROR),
        )

        def unknown(why: str) -> dmarc.Verdict:
            return dmarc.Verdict(dmarc.Status.TEMPERROR, why, author)

        asking = dmarc.evaluate(evidence, self._means.terms.suffixes())
        return await self._bounded("dmarc", asking, unknown)

    # --- within bounds --------------------------------------------------------------

    async def _bounded(
        self, owner: str, asking: Asking[T], otherwise: Callable[[str], T]
    ) -> T:
        """
        Run a check, for as long as it may take.

        @param owner: what it is called.
        @param otherwise: gives what it comes to where it came to nothing; told why.
        """
        means = self._means
        seconds = means.terms.seconds
        try:
            return await answered(asking, means.resolver, means.clock, seconds)
        except CancelledError:
            raise
        except Exception as error:
            self._troubled(owner, error)
            return otherwise(UNCHECKED)

    def _troubled(self, owner: str, error: Exception) -> None:
        self._means.trouble(self._session, owner, error)


def _shared(work: Coroutine[Deferred[Any], Any, T]) -> Shared[T]:
    return Shared(Deferred.fromCoroutine(work))


def _nothing(why: str) -> None:
    """What was not asked for in time is a temporary error by itself."""


def _proven(outcome: Outcome | None, result: SPFResult) -> bytes | None:
    """The domain that SPF says this of."""
    if outcome is None or outcome.result is not result:
        return None
    return outcome.query.domain.encode("ascii")


def _domains(signatures: Sequence[Verified], result: DKIMResult) -> tuple[bytes, ...]:
    """The domains of signatures that came to this."""
    return tuple([one.domain for one in signatures if one.result is result])


def _noOutcome(query: Query, guessed: bool) -> Callable[[str], Outcome]:
    def otherwise(why: str) -> Outcome:
        return Outcome(SPFResult.TEMPERROR, query, problem=why, guessed=guessed)

    return otherwise


__all__ = ["METHODS", "Inquiry", "Means", "Terms"]
