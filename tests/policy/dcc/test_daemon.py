"""
Tests for L{smtpx.policy.dcc.daemon}.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import Malformed
from smtpx.core.interfaces import IServerSession
from smtpx.policy.checkers.interfaces import (
    ICheck,
    IChecker,
    Message,
    Opinion,
    State,
)
from smtpx.policy.dcc.answer import ANSWER_OCTETS, DCCResult
from smtpx.policy.dcc.daemon import (
    CLIENT_VARIABLE,
    FIELDS_VARIABLE,
    DCCDaemon,
    DCCOptions,
)
from smtpx.policy.dcc.marks import DCC_RECIPIENTS
from smtpx.policy.edits import FieldPlace, Insert, Remove

from ..doubles import sessionFrom
from .peers import ScriptedDaemon

BODY = b"Subject: hello\r\n\r\n.dot\r\n"
USUAL = DCCOptions()
FIELD = "X-DCC-example-Metrics: mx.example.org 1234; bulk Body=many"


class DaemonTests(SynchronousTestCase):
    """Messages of which the daemon is asked."""

    def setUp(self) -> None:
        """A message for two."""
        self.peer = ScriptedDaemon()
        self.ann = Recipient(b"ann@example.org")
        self.bob = Recipient(b"bob@example.org")
        self.envelope = Envelope(b"a@b.example", 0.0, [self.ann, self.bob])
        self.session = sessionFrom(b"2001:db8::25", b"c.example")
        self.session.helo = b"helo.example"
        self.set: dict[str, str] = {}
        self.complaints: list[str] = []

    def complain(self, session: IServerSession, why: str) -> None:
        """Note it."""
        self.complaints.append(why)

    def begin(self, options: DCCOptions = USUAL) -> ICheck:
        """A check that has begun."""
        daemon = DCCDaemon(
            self.peer,  # type: ignore[arg-type]  # an endpoint
            lambda session, name: self.set.get(name, ""),
            self.complain,
            options,
        )
        verifyObject(IChecker, daemon)
        check = daemon.begin(self.session, self.envelope, Message("id", None))
        assert check is not None
        return check

    def ask(self, options: DCCOptions = USUAL) -> Deferred[Opinion]:
        """A check whose message is whole."""
        check = self.begin(options)
        check.write(BODY)
        return check.finish()

    def opinion(self, said: bytes, options: DCCOptions = USUAL) -> Opinion:
        """What an answer comes to."""
        done = self.ask(options)
        self.peer.say(said)
        return self.successResultOf(done)

    def test_question(self) -> None:
        """The head, and the message as it came; then what is sent ends."""
        done = self.ask(DCCOptions(("header", "grey-off")))
        self.assertEqual(
            self.peer.told,
            b"header grey-off\n"
            b"2001:db8::25\rc.example\n"
            b"helo.example\n"
            b"a@b.example\n"
            b"ann@example.org\n"
            b"bob@example.org\n"
            b"\n" + BODY,
        )
        self.assertNoResult(done)
        self.peer.say(b"A\nAA\n")
        self.assertEqual(self.successResultOf(done).found["dcc_result"], "A")

    def test_answer(self) -> None:
        """All of it is told, of each recipient too, however it comes."""
        for piece in (0, 1, 7):
            done = self.ask()
            self.peer.say(f"S\nAR\n{FIELD}\n\n".encode(), piece)
            self.assertEqual(
                self.successResultOf(done),
                Opinion(
                    found={
                        "dcc_result": "S",
                        "dcc_header": FIELD,
                        "dcc_recipients": "AR",
                        "dcc_each": {
                            self.ann: DCCResult.ACCEPT,
                            self.bob: DCCResult.REJECT,
                        },
                    }
                ),
            )

    def test_temporary(self) -> None:
        """A daemon that could not find out has no opinion."""
        self.assertIs(self.opinion(b"T\nAA\n\n").state, State.SLOW)

    def test_nonsense(self) -> None:
        """What is no answer is told so, and one that never ends is cut."""
        done = self.ask()
        self.peer.say(b"A\nA\n")
        self.failureResultOf(done, Malformed)
        done = self.ask()
        protocol, _ = self.peer.connections[-1]
        for _ in range(ANSWER_OCTETS // 1000 + 1):
            protocol.dataReceived(b"A" * 1000)
        self.failureResultOf(done, Malformed)

    def test_away(self) -> None:
        """Nobody is there, or hangs up."""
        done = self.ask()
        self.peer.say(b"")
        self.failureResultOf(done, ConnectionError)
        self.peer.away = True
        self.failureResultOf(self.ask(), ConnectionRefusedError)

    def test_header(self) -> None:
        """The field goes into the message, in place of what pretends to be one."""
        long = FIELD + " Fuz1=many Fuz2=many rep=100% env_From=many"
        said = f"A\nAA\n{long}\n\n".encode()
        self.assertEqual(self.opinion(said).edits, ())
        found = self.opinion(said, DCCOptions(addsHeader=True)).edits
        *forged, insert = found
        name = b"X-DCC-example-Metrics"
        self.assertEqual(forged, [Remove(name, nth) for nth in range(1, 11)])
        value = b"mx.example.org 1234; bulk Body=many Fuz1=many\r\n Fuz2=many"
        value += b" rep=100% env_From=many"
        self.assertEqual(insert, Insert(name, value, FieldPlace.AFTER_RECEIVED))
        none = self.opinion(b"A\nAA\n\n", DCCOptions(addsHeader=True))
        self.assertEqual(none.edits, ())

    def test_override(self) -> None:
        """A rule can say which client the daemon is told of."""
        self.set[CLIENT_VARIABLE] = "212.227.15.16"
        self.ask()
        self.assertEqual(self.peer.told.split(b"\n")[1], b"212.227.15.16")
        self.set[CLIENT_VARIABLE] = "mout.gmx.net"
        self.ask()
        self.assertEqual(self.peer.told.split(b"\n")[1], b"2001:db8::25\rc.example")
        self.assertEqual(len(self.complaints), 1)
        self.assertIn("mout.gmx.net", self.complaints[0])

    def test_fields(self) -> None:
        """A rule can have it see more fields; what is none is left out."""
        self.set[FIELDS_VARIABLE] = "X-Virus: none\\nX-Other: yes"
        self.ask()
        _, _, message = self.peer.told.partition(b"\n\n")
        self.assertEqual(message, b"X-Virus: none\r\nX-Other: yes\r\n" + BODY)
        self.set[FIELDS_VARIABLE] = "none"
        self.ask()
        _, _, message = self.peer.told.partition(b"\n\n")
        self.assertEqual(message, BODY)
        self.assertEqual(len(self.complaints), 1)

    def test_recipients(self) -> None:
        """Where a rule wants that, each recipient has its own answer."""
        said = b"A\nAR\n\n"
        self.assertEqual(self.opinion(said).refusals, {})
        self.envelope.stamps[DCC_RECIPIENTS] = True
        found = self.opinion(said).refusals
        self.assertEqual([(k.path, v.code) for k, v in found.items()], [(BOB, 550)])
        found = self.opinion(b"G\nGG\n\n").refusals
        self.assertEqual({each.code for each in found.values()}, {451})

    def test_abort(self) -> None:
        """Nobody wants to know any more: the connection is ended."""
        check = self.begin()
        check.abort()
        self.assertTrue(self.peer.connections[-1][1].disconnected)


BOB = b"bob@example.org"
