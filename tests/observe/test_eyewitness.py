"""
Tests for L{smtpx.observe.eyewitness}: what is seen of a client's way.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from smtpx.core.bounds import BareLines
from smtpx.core.client import ClientConnection
from smtpx.core.hooks import RoutePolicy, Target, TLSLevel
from smtpx.core.profile import ClientProfile
from smtpx.core.reply import reply
from smtpx.dns.mailhosts import MailHost, MailHosts, Unroutable
from smtpx.net.interfaces import IClientTracer
from smtpx.net.mailer import SMTPClient, sendMessage
from smtpx.net.sending import Way
from smtpx.observe.eyewitness import Eyewitness, Sight
from smtpx.observe.journey import Dialled, LookUp, Talk
from smtpx.observe.recording import Said
from smtpx.observe.trace import HandshakeStep
from smtpx.testing import GREETING, delayed

from ..net.network import SILENT
from ..net.worlds import HELLO, ME, World, world


class EyewitnessTests(SynchronousTestCase):
    """
    A client is watched on a network.
    """

    def setUp(self) -> None:
        """A world, and somebody who looks on."""
        self.there: World = world()
        self.there.network.advance(100)
        self.sights: list[Sight] = []
        self.witness = Eyewitness(
            self.there.network.seconds, lambda: 1000.0, self.sights.append
        )

    def send(self, host: str, **more: Any) -> None:
        """Send a message by a host."""
        options = self.there.options(tracer=self.witness, **more)
        sending = sendMessage(
            self.there.network, ME, "b@x.example", HELLO, host=host, options=options
        )
        sending.addErrback(lambda failure: None)
        self.there.network.run(40)

    def test_interface(self) -> None:
        """It stands where a tracer stands."""
        verifyObject(IClientTracer, self.witness)

    def test_aMessage(self) -> None:
        """The connection, and all that is said, on one clock."""
        self.there.host("192.0.2.25", delayed(GREETING, 0.5))
        self.there.network.delays["192.0.2.25"] = 0.25
        self.send("mail.example")
        dialled, talk = self.witness.journey().parts
        self.assertEqual(dialled, Dialled(0.0, 0.25, "mail.example", "192.0.2.25", 25))
        assert isinstance(talk, Talk)
        self.assertEqual((talk.seconds, talk.trace.end), (0.25, "quit"))
        self.assertEqual(talk.trace.why, "smtpx send")
        said = [
            (each.seconds, each.what.line)
            for each in self.sights
            if isinstance(each.what, Said)
        ]
        self.assertEqual(
            said[:2],
            [(0.75, "220 scripted.example ESMTP"), (0.75, "EHLO client.example")],
        )
        self.assertEqual(said[-1][1], "221 2.0.0 Bye")

    def test_addressesThatDoNotAnswer(self) -> None:
        """Each is there, with what became of it."""
        self.there.network.nameResolver.names["mail"] = ["192.0.2.1", "192.0.2.2"]
        self.there.network.hosts["192.0.2.1", 25] = SILENT
        self.there.host("192.0.2.2")
        self.send("mail.example")
        first, second, _ = self.witness.journey().parts
        assert isinstance(first, Dialled) and isinstance(second, Dialled)
        self.assertEqual((first.problem, first.untilSeconds), ("given up", 0.25))
        self.assertEqual((second.problem, second.seconds), (None, 0.25))

    def test_nobodyThere(self) -> None:
        """Then there is no session."""
        self.send("mail.example")
        [part] = self.witness.journey().parts
        assert isinstance(part, Dialled)
        self.assertEqual(part.problem, "Connection refused")

    def test_implicitTLSThatFails(self) -> None:
        """A handshake from the start that comes to nothing is there, too."""
        self.there.host("192.0.2.25")
        way = Way(RoutePolicy(TLSLevel.ENCRYPTED), implicitTLS=True)
        SMTPClient(
            self.there.network,
            "mail.example",
            25,
            options=self.there.options(tracer=self.witness, way=way),
        ).sendMessage(ME, "b@x.example", HELLO).addErrback(lambda failure: None)
        self.there.network.run(100)
        talk = self.witness.journey().parts[1]
        assert isinstance(talk, Talk)
        [step] = talk.trace.steps
        assert isinstance(step, HandshakeStep)
        self.assertFalse(step.complete)
        self.assertIn("handshake", talk.trace.end)

    def test_names(self) -> None:
        """What was looked up, how long it took, and what was found."""
        found = self.witness.looksUp(b"x.example")
        self.there.network.advance(0.5)
        addresses = tuple(b"192.0.2.%d" % number for number in range(12))
        literal = MailHost(b"[192.0.2.1]", (b"192.0.2.1",))
        found(MailHosts((MailHost(b"mx.example", addresses), literal)))
        [part] = self.witness.journey().parts
        assert isinstance(part, LookUp)
        self.assertEqual((part.name, part.untilSeconds), ("x.example", 0.5))
        self.assertTrue(part.found[0].startswith("mx.example:25 [192.0.2.0] "))
        self.assertTrue(part.found[0].endswith("[192.0.2.9] and 2 more"))
        self.assertEqual(part.found[1], "[192.0.2.1]:25")
        self.assertEqual(self.sights, [Sight(0.5, part)])

    def test_namesThatNobodyHas(self) -> None:
        """It is told why, and harmlessly."""
        error = Unroutable(reply(550, "5.1.2", b"No"), "x\x1b[31m does not exist")
        self.witness.looksUp("x\n.example")(error)
        [part] = self.witness.journey().parts
        assert isinstance(part, LookUp)
        self.assertEqual(part.problem, "x\\x1b[31m does not exist")
        self.assertEqual(part.name, "x\\x0a.example")

    def test_notOver(self) -> None:
        """What has not ended is not among it."""
        self.witness.looksUp("x.example")
        self.assertEqual(self.witness.journey().parts, ())

    def test_somebodyElses(self) -> None:
        """A connection that it has not made is none of its business."""
        target = Target(b"mx.example", b"192.0.2.1")
        core = ClientConnection(ClientProfile(name=b"a.example"), target)
        self.witness.clientEnded(core, None, "")
        self.assertEqual(self.witness.journey().parts, ())
        made = self.witness.client(
            core.profile,
            target,
            RoutePolicy(),
            None,
            BareLines.NORMALISE,
            frozenset(),
        )
        self.witness.clientEnded(made, None, "It was closed.")
        self.assertEqual(len(self.witness.journey().talks), 1)
