"""
Tests for L{smtpx.policy.submission}.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from smtpx.core.address import domainOf
from smtpx.core.bounds import Bounds
from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import Conflict, UsageError
from smtpx.core.interfaces import IServerExtension, IServerSession
from smtpx.core.reply import Reply, reply
from smtpx.extensions.auth import Auth, AuthSettings
from smtpx.extensions.futurerelease import FutureRelease, FutureReleaseSettings
from smtpx.extensions.pipeconnect import PipeConnect
from smtpx.extensions.pipelining import Pipelining
from smtpx.extensions.standard import standard
from smtpx.net.interfaces import IPolicy
from smtpx.policy.local import LocalPolicy
from smtpx.policy.ours import LocalAddresses
from smtpx.policy.submission import (
    BAD_RECIPIENT,
    BAD_SENDER,
    LOGIN_FIRST,
    NOT_YOURS,
    Senders,
    Submission,
)
from smtpx.testing.server import talk
from tests.extensions.logins import HELLO, MAIL, PLAIN, SERVER_ANSWERS, TLS, Users

from .doubles import ENVELOPE, recipientOf, sessionFrom

_NO = reply(550, "5.7.1", b"No")
_PLAIN = Submission()


def ours(path: bytes) -> bool:
    """Is it at one of three domains?"""
    return domainOf(path) in (b"example.org", b"office", "b\u00fcro".encode())


_OFFICE = Submission(ours)


class SendersTests(SynchronousTestCase):
    """Which addresses are whose."""

    def permitted(self, senders: Senders, login: str, *paths: str) -> list[str]:
        """Those of these addresses that a user may send as."""
        return [
            path for path in paths if senders.permits(login.encode(), path.encode())
        ]

    def test_aLoginThatIsAnAddress(self) -> None:
        """It is the user's own, in any case of the letters, and no other is."""
        self.assertEqual(
            self.permitted(
                Senders(ours=ours),
                "Joe@example.com",
                "joe@example.com",
                "JOE@Example.COM",
                "joe@example.org",
                "joe+tag@example.com",
                "ann@example.com",
                "Joe@example.com.evil.example",
            ),
            ["joe@example.com", "JOE@Example.COM"],
        )
        # RFC 6531: were it none, it would be a local part, and its sender nobody's.
        self.assertEqual(
            self.permitted(
                Senders(ours=ours), "björn@example.com", "björn@example.com"
            ),
            ["björn@example.com"],
        )

    def test_aLoginThatIsNone(self) -> None:
        """It is the local part at each of our domains."""
        self.assertEqual(
            self.permitted(
                Senders(ours=ours),
                "joe",
                "joe@example.org",
                '"JOE"@office',
                "joe@example.com",
                "ann@example.org",
            ),
            ["joe@example.org", '"JOE"@office'],
        )
        self.assertEqual(
            self.permitted(Senders(ours=ours), "JOE", "joe@example.org"),
            ["joe@example.org"],
        )
        self.assertEqual(self.permitted(Senders(), "joe", "joe@example.org"), [])

    def test_aLoginThatLooksLikeAPattern(self) -> None:
        """A name is never more than one address."""
        for login in ("*", "example.org", "*.example.org", "*@example.org"):
            self.assertEqual(
                self.permitted(
                    Senders(ours=ours), login, "ann@example.org", "x@a.example.org"
                ),
                [],
            )

    def test_tags(self) -> None:
        """They go with the address; without separators there are none."""
        senders = Senders({"joe": ["sales@example.com"]}, ours, b"+-")
        self.assertEqual(
            self.permitted(
                senders,
                "joe",
                "joe+shop@example.org",
                "JOE-x+y@example.org",
                "sales+1@example.com",
                "+joe@example.org",
                "joe+shop@example.com",
                "joex@example.org",
            ),
            ["joe+shop@example.org", "JOE-x+y@example.org", "sales+1@example.com"],
        )
        self.assertEqual(
            self.permitted(senders, "joe@a.example", "joe+1@a.example"),
            ["joe+1@a.example"],
        )
        self.assertEqual(
            self.permitted(senders, "joe+1@a.example", "joe@a.example"), []
        )
        self.assertEqual(
            self.permitted(Senders(ours=ours), "joe", "joe+1@example.org"), []
        )

    def test_tagsThatAreNone(self) -> None:
        """An address of its own is nobody else's with a tag."""

        def listed(path: bytes) -> bool:
            return path.lower() in (b"joe-marie@example.org", b"sales-1@example.com")

        more = {"joe": ["sales@example.com"], "ann": ["Joe-Marie@example.org"]}
        senders = Senders(more, ours, b"-", listed)
        asked = (
            "Joe-Marie@example.org",
            "joe-marie-x@example.org",
            "sales-1@example.com",
            "sales-2@example.com",
            "joe-x@example.org",
        )
        for login, permitted in (
            ("joe", ["joe-marie-x@example.org", "sales-2@example.com", asked[-1]]),
            ("joe@example.org", ["joe-marie-x@example.org", asked[-1]]),
            ("ann", [asked[0]]),
            ("joe-marie", [asked[0]]),
        ):
            self.assertEqual(self.permitted(senders, login, *asked), permitted)

    def test_moreSenders(self) -> None:
        """They are listed, beside the login itself."""
        senders = Senders(
            {
                "joe@example.org": ["sales@example.org", "*.shop.example"],
                "björn": ["x@example.com"],
                "backup": ["*"],
            },
            ours,
        )
        self.assertEqual(
            self.permitted(
                senders,
                "joe@example.org",
                "joe@example.org",
                "sales@example.org",
                "any@a.shop.example",
                "any@shop.example",
                "ann@example.org",
            ),
            ["joe@example.org", "sales@example.org", "any@a.shop.example"],
        )
        self.assertEqual(
            self.permitted(senders, "backup", "a@b.example"), ["a@b.example"]
        )
        self.assertEqual(
            self.permitted(senders, "björn", "x@example.com", "y@example.com"),
            ["x@example.com"],
        )

    def test_listsThatAreNone(self) -> None:
        """The message says what is wrong."""
        for more, text in (
            ({"joe": ["@"]}, '"@"'),
            ({"": ["*"]}, '"" is no login'),
            ({"\u00ad": ["*"]}, "is no login"),
            ({"a\x07": ["*"]}, "is no login"),
            ({"bj\u00f6rn": ["*"], "bjo\u0308rn": ["*"]}, "stands there twice"),
        ):
            error = self.assertRaises(UsageError, Senders, more)
            self.assertIn(text, str(error))
        self.assertRaises(Conflict, Senders, {"a": ["x.example", "X.example"]})


class PolicyTests(SynchronousTestCase):
    """Who may submit what."""

    def send(
        self,
        sender: bytes,
        login: bytes | None = b"joe@example.org",
        submission: Submission = _OFFICE,
    ) -> object:
        """What is said to MAIL."""
        session = sessionFrom(identity=login)
        return submission.policy().maySend(session, Envelope(sender, 0.0))

    def receive(self, path: bytes) -> object:
        """What is said to RCPT."""
        policy = _OFFICE.policy()
        return policy.mayReceive(sessionFrom(), ENVELOPE, recipientOf(path))

    def test_onlyByALogin(self) -> None:
        """RFC 6409 section 4.3."""
        self.assertIs(self.send(b"joe@example.org", None), LOGIN_FIRST)
        self.assertEqual(LOGIN_FIRST, reply(530, "5.7.0", b"Authentication required"))

    def test_onlyAsOneself(self) -> None:
        """Section 6.1."""
        self.assertIsNone(self.send(b"joe@example.org"))
        self.assertIs(self.send(b"ann@example.org"), NOT_YOURS)
        self.assertEqual(
            NOT_YOURS, reply(550, "5.7.1", b"This sender address is not yours")
        )

    def test_theNullSender(self) -> None:
        """It is everybody's (section 3.2), but not without a login."""
        self.assertIsNone(self.send(b""))
        self.assertIs(self.send(b"", None), LOGIN_FIRST)

    def test_withoutTheCheck(self) -> None:
        """Everybody may send as anybody."""
        free = Submission(ours, None)
        self.assertIsNone(self.send(b"ann@example.com", submission=free))

    def test_wholeDomains(self) -> None:
        """Section 4.2: 554, but for domains that are ours."""
        self.assertIs(self.send(b"joe@sales", b"joe@sales"), BAD_SENDER)
        self.assertIs(self.receive(b"ann@sales"), BAD_RECIPIENT)
        self.assertEqual(
            (BAD_SENDER, BAD_RECIPIENT),
            (
                reply(554, "5.1.8", b"The sender's domain is not whole"),
                reply(554, "5.1.2", b"The recipient's domain is not whole"),
            ),
        )
        self.assertIsNone(self.send(b"joe@office", b"joe"))
        for path in (
            b"ann@office",
            b"ann@[192.0.2.1]",
            b"ann@[IPv6:2001:db8::1]",
            b"ann@example.com",
            b"Postmaster",
        ):
            self.assertIsNone(self.receive(path), path)

    def test_domainsOfAHeader(self) -> None:
        """The same is whole there; what is no domain is not."""
        whole = _OFFICE.wholeDomain
        for domain, good in (
            (b"example.com", True),
            (b"[192.0.2.1]", True),
            (b"[IPv6:2001:db8::1]", True),
            (b"office", True),
            ("b\u00fcro".encode(), True),
            (b"sales", False),
            (b"", False),
            (b"a b", False),
        ):
            self.assertEqual(whole(domain), good, domain)

    def test_anotherPolicyIsAskedBehindIt(self) -> None:
        """Where there is no objection here."""
        policy = _OFFICE.policy(Refusing())
        self.assertTrue(verifyObject(IPolicy, policy))
        session = sessionFrom(identity=b"joe@example.org")
        self.assertIs(policy.mayConnect(session), _NO)
        self.assertIs(policy.maySend(session, Envelope(b"joe@example.org", 0.0)), _NO)
        self.assertIs(policy.maySend(session, ENVELOPE), NOT_YOURS)
        answer = policy.mayReceive(session, ENVELOPE, recipientOf(b"a@b.example"))
        self.assertIs(answer, _NO)
        self.assertIsNone(Submission().policy().mayConnect(session))


@implementer(IPolicy)
class Refusing:
    """A policy that refuses everything."""

    def mayConnect(self, session: IServerSession) -> Reply:
        """No."""
        return _NO

    def maySend(self, session: IServerSession, envelope: Envelope) -> Reply:
        """No."""
        return _NO

    def mayReceive(
        self, session: IServerSession, envelope: Envelope, recipient: Recipient
    ) -> Reply:
        """No."""
        return _NO


class PartsTests(SynchronousTestCase):
    """The other parts of such a server."""

    def talk(self, octets: bytes, submission: Submission = _PLAIN) -> list[bytes]:
        """What is said under TLS."""
        extensions = [Pipelining(), PipeConnect(), Auth(users=Users())]
        return talk(
            submission.extensions(extensions),
            octets,
            secured=TLS,
            answers=SERVER_ANSWERS,
        ).replies

    def test_loginsAreDemanded(self) -> None:
        """Whatever the options of AUTH say."""
        self.assertEqual(self.talk(HELLO + MAIL + b"\r\n")[-1][:9], b"530 5.7.0")
        self.assertEqual(self.talk(HELLO + PLAIN + MAIL + b"\r\n")[-1][:3], b"250")

    def test_nobodyTalksEarly(self) -> None:
        """Unless that is wanted."""
        words = b"\r\n".join(self.talk(HELLO))
        self.assertNotIn(b"PIPECONNECT", words)
        self.assertIn(b"PIPELINING", words)
        self.assertIn(b"250-PIPECONNECT", self.talk(HELLO, Submission(earlyTalk=True)))
        extensions = [Pipelining(), PipeConnect(), Auth()]
        for wanted, code in ((False, 554), (True, 220)):
            made = Submission(earlyTalk=wanted).extensions(extensions)
            self.assertEqual(talk(made, early=HELLO).codes[0], code)

    def test_theyMaySendLater(self) -> None:
        """Where the extension's settings say for how long (RFC 4865 section 4.2)."""
        later = FutureRelease(FutureReleaseSettings(holdMaxSeconds=60))
        made = Submission().extensions([Auth(), later])
        for extensions, offered in ([Auth(), later], False), (made, True):
            said = talk(extensions, HELLO, secured=TLS, answers=SERVER_ANSWERS)
            self.assertIs(b"FUTURERELEASE 60 " in said.octets, offered)

    def test_othersStay(self) -> None:
        """Their order and their options, and those of AUTH that are not about this."""
        auth = Auth(AuthSettings(attempts_max=9), users=Users())
        given = [each for each in standard() if each.name != "AUTH"] + [auth]
        made = Submission().extensions(given)
        self.assertEqual(
            [each.name for each in made],
            [*(each.name for each in given), "SUBMISSION"],
        )
        mine = made[-2]
        assert isinstance(mine, Auth)
        self.assertEqual(mine.options, AuthSettings(attempts_max=9, demanded=True))
        self.assertIs(mine.users, auth.users)
        last = made[-1]
        self.assertTrue(verifyObject(IServerExtension, last))
        self.assertIs(last.configured(None), last)

    def test_withoutAUTH(self) -> None:
        """Nobody could ever send."""
        error = self.assertRaises(UsageError, Submission().extensions, [Pipelining()])
        self.assertEqual(str(error), "for submission there has to be AUTH")

    def test_answersInTime(self) -> None:
        """RFC 6409 section 5.3: in less than two minutes."""
        given = Bounds(recipientsMax=7)
        made = Submission().bounds(given)
        self.assertEqual(made, evolve(given, answerSeconds=100.0))
        self.assertEqual(Submission().bounds(Bounds(answerSeconds=3)).answerSeconds, 3)
        self.assertEqual(Submission().bounds().answerSeconds, 100.0)

    def test_withOurOwnPolicy(self) -> None:
        """Users send to whom there is a way."""

        def goes(path: bytes, sender: bytes) -> bool:
            return path.endswith(b".example")

        local = LocalAddresses(["example.org"])
        policy = Submission(senders=Senders({"joe": ["joe@example.org"]})).policy(
            LocalPolicy(local, goes)
        )
        session = sessionFrom(identity=b"joe")
        for path, code in ((b"a@b.example", None), (b"a@b.test", 550)):
            answer = policy.mayReceive(session, ENVELOPE, recipientOf(path))
            self.assertEqual(getattr(answer, "code", None), code)
