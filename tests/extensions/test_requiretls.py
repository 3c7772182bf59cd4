"""
Tests for L{smtpx.extensions.requiretls}.
"""

from __future__ import annotations

from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import HookTrouble, UsageError
from smtpx.core.hooks import (
    Action,
    LookupLevel,
    News,
    ReportWish,
    RoutePolicy,
    Scope,
    Target,
    TLSInfo,
    TLSLevel,
)
from smtpx.core.hostlist import HostList
from smtpx.core.queueprofile import QueueProfile
from smtpx.extensions.dsn import DSN, RET
from smtpx.extensions.requiretls import (
    OPTIONAL,
    REDACTED,
    REQUIRED,
    RequireTLS,
    RequireTLSSettings,
)
from smtpx.extensions.starttls import StartTLS
from smtpx.testing.client import ScriptedPeer, client
from smtpx.testing.pair import Pair, pair
from smtpx.testing.server import Said, talk

_HELLO = b"EHLO c.example\r\n"
_TLS = TLSInfo(verified=True)
_UNVERIFIED = TLSInfo(verified=False)
_MAIL = b"MAIL FROM:<a@c.example> REQUIRETLS\r\n"
_RCPT = b"RCPT TO:<b@d.example>\r\n"


def _talk(
    octets: bytes,
    *,
    honoured: bool = True,
    secured: TLSInfo | None = _TLS,
    hosts: tuple[str, ...] = ("*",),
    requireHosts: tuple[str, ...] = (),
    requireAddresses: tuple[str, ...] = (),
) -> Said:
    options = RequireTLSSettings(
        HostList.parse(hosts), HostList.parse(requireHosts), requireAddresses
    )
    extension = RequireTLS(options, honoured=honoured)
    return talk([StartTLS(), extension], octets, secured=secured, tlsReady=True)


class ServerTests(SynchronousTestCase):
    """The server's side."""

    def test_keywordIsOfferedUnderTLS(self) -> None:
        """Not in the clear (RFC 8689 section 2)."""
        self.assertEqual(_talk(_HELLO).last, b"250 REQUIRETLS")
        said = _talk(_HELLO + b"STARTTLS\r\n", secured=None)
        self.assertEqual(said.replies[1:3], [b"250-mx.example.org", b"250 STARTTLS"])
        said.secure()
        said.feed(_HELLO)
        self.assertEqual(said.last, b"250 REQUIRETLS")

    def test_promiseIsNotMadeUnlessItIsKept(self) -> None:
        """
        Without C{honoured} there is no keyword, and no parameter.
        """
        said = _talk(_HELLO + _MAIL, honoured=False)
        self.assertEqual(said.replies[1], b"250 mx.example.org")
        self.assertEqual(said.last[:9], b"555 5.5.4")
        self.assertFalse(RequireTLS().honoured)

    def test_otherwiseItWorksWithoutThePromise(self) -> None:
        """
        The field of the header binds nobody but us (section 4.1), nor does our own
        policy: what cannot go as it has to comes back.
        """
        mail = b"MAIL FROM:<a@c.example>\r\n"
        said = _talk(_HELLO + mail + _RCPT, honoured=False)
        said.feed(b"DATA\r\n")
        said.feed(b"TLS-Required: No\r\n\r\nx\r\n.\r\n")
        self.assertEqual(said.port.taken[0].dumpedStamps(), {"tls-optional": "yes"})
        said.feed(mail)
        said.connection.control("requiretls")
        self.assertTrue(said.connection.holds("requiretls"))

    def test_keywordIsForListedHosts(self) -> None:
        """To others it is a parameter that nobody knows."""
        said = _talk(_HELLO + _MAIL, hosts=("!192.0.2.1", "*"))
        self.assertEqual(said.replies[1], b"250 mx.example.org")
        self.assertEqual(said.last[:9], b"555 5.5.4")
        said = _talk(b"", hosts=("*.c.example",))
        said.connection.peerName = b"mail.c.example"
        said.feed(_HELLO)
        self.assertEqual(said.last, b"250 REQUIRETLS")

    def test_messageIsTagged(self) -> None:
        """The tag is critical, and the session is obliged (section 4.1)."""
        said = _talk(_HELLO + _MAIL)
        self.assertTrue(said.connection.obliged)
        said.feed(_RCPT)
        said.feed(b"DATA\r\n")
        said.feed(b".\r\n")
        [envelope] = said.port.taken
        self.assertEqual(envelope.dumpedStamps(), {"!requiretls": "yes"})
        self.assertFalse(said.connection.obliged)

    def test_inTheClearItIsRefused(self) -> None:
        """530 5.7.10; what was not offered must not be used (section 2)."""
        said = _talk(_HELLO + _MAIL, secured=None)
        self.assertEqual(said.last, b"530 5.7.10 REQUIRETLS needs TLS")
        self.assertIsNone(said.connection.envelope)

    def test_parameterHasNoValue(self) -> None:
        """And stands once."""
        for parameter in (b"REQUIRETLS=x", b"REQUIRETLS REQUIRETLS"):
            said = _talk(_HELLO + b"MAIL FROM:<a@c.example> " + parameter + b"\r\n")
            self.assertEqual(said.last[:9], b"501 5.5.4", parameter)

    def stamps(self, mail: bytes, header: bytes) -> dict[str, str]:
        """The tags of a message with this header."""
        said = _talk(_HELLO + mail + _RCPT + b"DATA\r\n" + header + b"\r\nx\r\n.\r\n")
        [envelope] = said.port.taken
        return envelope.dumpedStamps()

    def test_headerMakesTLSOptional(self) -> None:
        """C{TLS-Required: No}, in any case (section 3)."""
        mail = b"MAIL FROM:<a@c.example>\r\n"
        for field in (
            b"TLS-Required: No",
            b"tls-required:no",
            b"TLS-Required:\r\n NO ",
        ):
            stamps = self.stamps(mail, b"Subject: x\r\n" + field + b"\r\n")
            self.assertEqual(stamps, {"tls-optional": "yes"}, field)

    def test_otherValuesAreIgnored(self) -> None:
        """There is one value, and at most one such field (section 3)."""
        mail = b"MAIL FROM:<a@c.example>\r\n"
        for header in (b"TLS-Required: Yes\r\n", b"TLS-Required:\r\n", b"X: No\r\n"):
            self.assertEqual(self.stamps(mail, header), {}, header)
        for first, second in ((b"No", b"No"), (b"No", b"Yes"), (b"Yes", b"No")):
            header = b"TLS-Required: %b\r\nTLS-Required: %b\r\n" % (first, second)
            self.assertEqual(self.stamps(mail, header), {}, header)

    def test_parameterWinsOverTheHeader(self) -> None:
        """Section 4.1: the field is ignored then."""
        self.assertEqual(
            self.stamps(_MAIL, b"TLS-Required: No\r\n"), {"!requiretls": "yes"}
        )

    def test_policyMayOblige(self) -> None:
        """As Exim's C{control = requiretls}, and its condition and variable."""
        said = _talk(_HELLO + b"MAIL FROM:<a@c.example>\r\n")
        session = said.connection
        self.assertFalse(session.holds("requiretls"))
        self.assertIs(session.variable("requiretls"), False)
        session.control("requiretls")
        self.assertTrue(session.holds("requiretls"))
        self.assertIs(session.variable("requiretls"), True)
        self.assertTrue(session.obliged)
        said.feed(b"RSET\r\n")
        self.assertFalse(session.holds("requiretls"))
        error = self.assertRaises(HookTrouble, session.control, "requiretls")
        self.assertIsInstance(error.__cause__, UsageError)

    def tagged(self, sender: bytes, recipient: bytes = b"b@d.example") -> bool:
        """Is a message tagged where the operator wants some so?"""
        wanted = ("Ann@C.example", "e.example", "*.f.example")
        said = _talk(_HELLO, honoured=False, secured=None, requireAddresses=wanted)
        said.feed(b"MAIL FROM:<%b>\r\n" % sender)
        said.feed(b"RCPT TO:<%b>\r\n" % recipient)
        self.assertEqual(said.last[:3], b"250")
        return said.connection.holds("requiretls")

    def test_operatorObliges(self) -> None:
        """
        Mail from some and for some, whether they ask for it or not, and however it
        came (section 4.3).
        """
        for address, tagged in (
            (b"ann@c.example", True),
            (b"ANN@C.EXAMPLE", True),
            (b"bob@c.example", False),
            (b"bob@E.example", True),
            (b"bob@x.e.example", False),
            (b"bob@x.f.example", True),
            (b"bob@f.example", False),
            (b'"bob@e.example"@g.example', False),
        ):
            self.assertIs(self.tagged(address), tagged, address)
            self.assertIs(self.tagged(b"a@g.example", address), tagged, address)

    def test_operatorObligesHosts(self) -> None:
        """All mail of some clients; it is logged as if they had asked for it."""
        mail = b"MAIL FROM:<a@g.example>\r\n"
        said = _talk(_HELLO + mail + _RCPT, requireHosts=("192.0.2.0/24",))
        self.assertTrue(said.connection.holds("requiretls"))
        self.assertTrue(said.connection.obliged)
        said = _talk(_HELLO + mail + _RCPT, requireHosts=("198.51.100.0/24",))
        self.assertFalse(said.connection.holds("requiretls"))
        said = _talk(_HELLO + _MAIL + _RCPT, requireHosts=("192.0.2.1",))
        self.assertTrue(said.connection.holds("requiretls"))

    def test_operatorObligesNoReports(self) -> None:
        """Nobody would hear of one that could not be sent so."""
        self.assertFalse(self.tagged(b"", b"bob@e.example"))

    def test_operatorsWordWins(self) -> None:
        """It is another's to say that a message may go in the clear."""
        said = _talk(
            _HELLO + b"MAIL FROM:<a@c.example>\r\n" + _RCPT + b"DATA\r\n",
            requireAddresses=("c.example",),
        )
        said.feed(b"TLS-Required: No\r\n\r\nx\r\n.\r\n")
        self.assertEqual(said.port.taken[0].dumpedStamps(), {"!requiretls": "yes"})

    def test_addressesAreRead(self) -> None:
        """What is none is a clear error."""
        for text in (
            *("", "@e.example", "ann@", "*", "*.", ".e.example", "a b@e.example"),
            *("ann@*.e.example", "mail.*.example", "ann@.e.example"),
        ):
            error = self.assertRaises(
                ValueError, RequireTLSSettings, requireAddresses=(text,)
            )
            self.assertIn("is neither an address", str(error))

    def test_isConfigured(self) -> None:
        """Other settings make another extension, with the same promise."""
        options = RequireTLSSettings(HostList())
        for honoured in (True, False):
            extension = RequireTLS(honoured=honoured).configured(options)
            self.assertIs(extension.options, options)
            self.assertIs(extension.honoured, honoured)


def _envelope(sender: bytes = b"a@c.example", *, required: bool = True) -> Envelope:
    envelope = Envelope(sender, 0.0, [Recipient(b"b@d.example")])
    if required:
        envelope.stamps[REQUIRED] = True
    return envelope


class ClientTests(SynchronousTestCase):
    """The client's side."""

    def joined(self, secured: TLSInfo | None, *, honoured: bool = True) -> Pair:
        """A client and a server that promises, or does not."""
        return pair(
            [RequireTLS(honoured=honoured)], [RequireTLS()], secured=secured
        ).open()

    def test_parameterIsRepeated(self) -> None:
        """Under verified TLS, to a host that promises (section 4.2.1)."""
        joined = self.joined(_TLS)
        joined.deliver(_envelope(), b"x\r\n")
        self.assertEqual(joined.codes, [250])
        self.assertIn(_MAIL, joined.said)
        self.assertEqual(joined.taken[0].dumpedStamps(), {"!requiretls": "yes"})

    def refusals(self) -> Iterator[tuple[Pair, tuple[int, int, int]]]:
        """Connections that will not do, and the code for each."""
        yield self.joined(None), (5, 7, 10)
        yield self.joined(_UNVERIFIED), (5, 7, 10)
        yield self.joined(_TLS, honoured=False), (5, 7, 30)

    def test_otherHostsDoNotGetIt(self) -> None:
        """
        Another host may do; other messages may go, and don't say it.
        """
        for joined, status in self.refusals():
            joined.deliver(_envelope(), b"x\r\n")
            [(_, outcome)] = joined.settled[0].outcomes
            self.assertEqual((outcome.code, outcome.status), (550, status))
            self.assertIs(joined.settled[0].scope, Scope.HOST)
            self.assertNotIn(b"MAIL", joined.said)
            joined.deliver(_envelope(required=False), b"x\r\n")
            self.assertEqual(joined.codes, [250])
            self.assertIn(b"MAIL FROM:<a@c.example>\r\n", joined.said)

    def test_socketsNeedNoPromise(self) -> None:
        """At a UNIX socket the promise ends, as it does in a mailbox."""
        target = Target(b"/run/lmtp", b"/run/lmtp", 0)
        joined = pair([RequireTLS()], [RequireTLS()], target=target).open()
        joined.deliver(_envelope(), b"x\r\n")
        self.assertEqual(joined.codes, [250])
        self.assertIn(b"MAIL FROM:<a@c.example>\r\n", joined.said)

    def test_bouncesNeedNoPromise(self) -> None:
        """
        They are protected, but not thrown away for want of the keyword
        (section 5).
        """
        for joined, code in (
            (self.joined(_TLS), 250),
            (self.joined(_TLS, honoured=False), 250),
            (self.joined(_UNVERIFIED), 550),
        ):
            joined.deliver(_envelope(b""), b"x\r\n")
            self.assertEqual(joined.codes, [code])
        joined = self.joined(_TLS)
        joined.deliver(_envelope(b""), b"x\r\n")
        self.assertIn(b"MAIL FROM:<> REQUIRETLS\r\n", joined.said)

    def test_ourOwnReportsAreNotLost(self) -> None:
        """
        They are redacted, so where the route does not want it any more they go without
        (section 5), and the parameter is not said.
        """
        proven = RoutePolicy(TLSLevel.VERIFIED, LookupLevel.MTASTS)
        for policy, secured, mail in (
            (proven, _TLS, b"MAIL FROM:<> REQUIRETLS\r\n"),
            (RoutePolicy(), _TLS, b"MAIL FROM:<>\r\n"),
            (RoutePolicy(), _UNVERIFIED, b"MAIL FROM:<>\r\n"),
            (RoutePolicy(), None, b"MAIL FROM:<>\r\n"),
        ):
            connection = client([RequireTLS()], secured=secured, policy=policy)
            peer = ScriptedPeer(connection)
            peer.open(b"REQUIRETLS")
            report = _envelope(b"")
            report.stamps[REDACTED] = True
            self.assertEqual(peer.deliver(report, b"x\r\n"), mail)

    def test_aForecastIsNotThePromise(self) -> None:
        """
        What the host said once is not what it says now; the same host is to be
        asked again without a guess.
        """
        peer = ScriptedPeer(client([RequireTLS()], secured=_TLS))
        peer.open(b"REQUIRETLS")
        # What a forecast that was not confirmed yet looks like to a hook.
        peer.connection.guessed = True
        envelope = _envelope()
        [admit] = peer.connection.profile.admitters
        for each in (envelope, _envelope(b"")):
            refusal = admit(peer.connection, each)
            assert refusal is not None
            self.assertIs(refusal.scope, Scope.SESSION)
        [(parameter, _)] = peer.connection.profile.parameters
        self.assertIsNone(parameter.send(peer.connection, envelope))
        peer.connection.guessed = False
        self.assertIs(parameter.send(peer.connection, envelope), True)


class QueueTests(SynchronousTestCase):
    """What the queue asks."""

    def setUp(self) -> None:
        """A queue with DSN beside it, which has opinions on reports too."""
        self.queue = QueueProfile().load([DSN(), RequireTLS()])

    def optional(self) -> Envelope:
        """An envelope of a message with C{TLS-Required: No}."""
        envelope = _envelope(required=False)
        envelope.stamps[OPTIONAL] = True
        return envelope

    def test_routeHasToBeVerified(self) -> None:
        """TLS, and a way to be sure of the host (section 4.2.1)."""
        self.assertEqual(
            self.queue.policyFor(_envelope()),
            RoutePolicy(TLSLevel.VERIFIED, LookupLevel.MTASTS),
        )

    def test_routeMayBeLenient(self) -> None:
        """Better delivered than secure (section 4.2.2)."""
        self.assertEqual(
            self.queue.policyFor(self.optional()), RoutePolicy(lenient=True)
        )

    def test_otherRoutesAreLeftAlone(self) -> None:
        """Nothing was said, nothing is demanded."""
        self.assertEqual(self.queue.policyFor(_envelope(required=False)), RoutePolicy())
        taken = self.optional()
        taken.stamps[OPTIONAL] = False
        self.assertEqual(self.queue.policyFor(taken), RoutePolicy())

    def wish(self, envelope: Envelope) -> ReportWish:
        """The wish on a report of failure, where RET=FULL was asked for."""
        envelope.stamps[RET] = b"FULL"
        [recipient] = envelope.recipients
        return self.queue.wishFor(envelope, recipient, News(Action.FAILED))

    def test_reportsHaveTheHeaderOnly(self) -> None:
        """RET=FULL is disregarded, and the report is tagged (section 5)."""
        wish = self.wish(_envelope())
        self.assertIs(wish.full, False)
        bounce = Envelope(b"", 0.0)
        for stamper in wish.stampers:
            stamper(bounce)
        self.assertEqual(
            bounce.dumpedStamps(), {"!requiretls": "yes", "requiretls-redacted": "yes"}
        )
        self.assertTrue(self.queue.policyFor(bounce).waived)
        self.assertFalse(self.queue.policyFor(_envelope(b"")).waived)

    def test_reportsOnLenientMailAreLenient(self) -> None:
        """Their sender would rather have them, too."""
        wish = self.wish(self.optional())
        self.assertIs(wish.full, True)
        bounce = Envelope(b"", 0.0)
        for stamper in wish.stampers:
            stamper(bounce)
        self.assertEqual(bounce.dumpedStamps(), {"tls-optional": "yes"})

    def test_otherReportsAreLeftAlone(self) -> None:
        """RET=FULL is what the sender gets."""
        taken = self.optional()
        taken.stamps[OPTIONAL] = False
        for each in (_envelope(required=False), taken):
            self.assertEqual(self.wish(each), ReportWish(full=True))

    def test_tagsAreKept(self) -> None:
        """The spool can read both back; one of them is critical."""
        self.assertIs(self.queue.stamps["requiretls"], REQUIRED)
        self.assertIs(self.queue.stamps["tls-optional"], OPTIONAL)
        self.assertTrue(REQUIRED.critical)
        self.assertFalse(OPTIONAL.critical)
