"""
The examples of the pages on policies and local delivery can be taken as they
are, and the ones in Python do what their page says.
"""

from __future__ import annotations

import textwrap
import tomllib
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SkipTest, SynchronousTestCase

import smtpx
from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.hooks import TLSInfo
from smtpx.core.interfaces import IServerSession
from smtpx.core.profile import ServerProfile
from smtpx.core.reply import Reply
from smtpx.core.server import ServerConnection
from smtpx.core.trace import HEADER
from smtpx.extensions.pipeconnect import PipeConnect
from smtpx.extensions.pipelining import Pipelining
from smtpx.extensions.standard import STANDARD
from smtpx.extensions.tlsverify import TLSVerify
from smtpx.policy.chain import PolicyChain
from smtpx.policy.editing import EditingReceiver
from smtpx.policy.edits import editorOf
from smtpx.policy.python import policyFrom
from smtpx.service.config import readConfiguration
from smtpx.testing.server import ScriptedPort, talk
from tests.net.made import RememberingReceiver

from .doubles import ENVELOPE, deferred, recipientOf, sessionFrom

HOWTO = Path(smtpx.__file__).parents[1] / "doc" / "howto"
EXTENSIONS = HOWTO.parent / "reference" / "extensions"


def examples(page: str, language: str, folder: Path = HOWTO) -> list[str]:
    """
    The examples of a page.

    @raise SkipTest: the manual is not installed.
    """
    path = folder / page
    if not path.exists():
        raise SkipTest(f"there is no {path}")
    found = []
    for part in path.read_text("utf-8").split(f".. code-block:: {language}\n")[1:]:
        lines = []
        for line in part.splitlines():
            if line.strip() and not line.startswith("   "):
                break
            lines.append(line)
        found.append(textwrap.dedent("\n".join(lines)))
    return found


def defined() -> dict[str, Any]:
    """What the examples in Python define."""
    found: dict[str, Any] = {}
    for example in examples("python-policy.rst", "python"):
        exec(example, found)
    return found


class ConfigurationTests(SynchronousTestCase):
    """The examples of configurations."""

    def test_everyOneIsGood(self) -> None:
        """The server takes each of them."""
        for page in (
            "certificates.rst",
            "client-certificates.rst",
            "local-delivery.rst",
            "python-policy.rst",
            "who-may-send.rst",
        ):
            found = examples(page, "toml")
            self.assertNotEqual(found, [])
            for example in found:
                readConfiguration(tomllib.loads(example), {})


class ChangeMessagesPageTests(SynchronousTestCase):
    """The page on how to change messages."""

    def test_archive(self) -> None:
        """The policy notes once what is to be changed, and it is changed."""
        found: dict[str, Any] = {}
        for example in examples("change-messages.rst", "python"):
            exec(example, found)
        policy, behind, session = (
            found["Archive"](),
            RememberingReceiver(),
            sessionFrom(),
        )
        envelope = Envelope(b"", 0.0, [Recipient(b"a@x.org"), Recipient(b"b@x.org")])
        arrival = EditingReceiver(behind).begin(session, envelope)
        assert not isinstance(arrival, Reply)
        arrival.write(b"X-Archived: 1\r\nX-Priority: 1\r\n\r\n")
        for each in envelope.recipients:
            self.assertIsNone(policy.mayDeliver(session, envelope, each))
        editor = editorOf(envelope)
        assert editor is not None
        self.assertEqual(len(editor.noted), 4)
        arrival.finish(session, envelope)
        self.assertEqual(envelope.stamps[HEADER], b"X-Seen: yes\r\nX-Priority: 3\r\n")

    def test_rules(self) -> None:
        """The server takes the examples."""
        for example in examples("change-messages.rst", "toml"):
            values = tomllib.loads(example)
            values["policy"].pop("python", None)
            readConfiguration(values, {})


class ClientCertificatesPageTests(SynchronousTestCase):
    """The page on certificates of clients."""

    def test_ourOwnDomain(self) -> None:
        """Mail of the domain comes from hosts with a good certificate only."""
        found: dict[str, Any] = {}
        for example in examples("client-certificates.rst", "python"):
            exec(example, found)
        policy = found["OurOwnDomain"]()
        for sender, verified, refused in (
            (b"a@example.org", True, False),
            (b"a@example.org", False, True),
            (b"a@other.example", False, False),
        ):
            said = talk([TLSVerify()], secured=TLSInfo(verified=verified))
            answer = policy.maySend(said.connection, Envelope(sender, 0.0))
            self.assertIs(answer, found["NOT_YOU"] if refused else None)


class EarlyTalkPageTests(SynchronousTestCase):
    """The page on PIPECONNECT."""

    def test_noStrangers(self) -> None:
        """Who talks early is put off, unless it was offered to."""
        found: dict[str, Any] = {}
        for example in examples("pipeconnect.rst", "python", EXTENSIONS)[:1]:
            exec(example, found)
        policy = found["NoStrangers"]()
        extensions = [Pipelining(), PipeConnect()]
        hello = b"EHLO c.example\r\n"
        for early, code in ((b"", None), (hello, None), (hello, None)):
            said = talk(extensions, b"" if early else hello, early=early)
            self.assertIs(policy.maySend(said.connection, ENVELOPE), code)
        said = talk([Pipelining(), PipeConnect()], early=hello)
        self.assertEqual(policy.maySend(said.connection, ENVELOPE).code, 450)

    def test_options(self) -> None:
        """A program has it for its own messages."""
        found: dict[str, Any] = {}
        for example in examples("pipeconnect.rst", "python", EXTENSIONS)[1:]:
            exec(example, found)
        self.assertIn(found["early"], found["options"].extensions)

    def test_configuration(self) -> None:
        """The server takes the example."""
        found = {name: make() for name, make in STANDARD.items()}
        for page in ("pipeconnect.rst", "chunking.rst", "binarymime.rst"):
            for example in examples(page, "toml", EXTENSIONS):
                readConfiguration(tomllib.loads(example), found)


class PythonPolicyPageTests(SynchronousTestCase):
    """The page on policies in Python."""

    def chain(self, found: object) -> PolicyChain:
        """A server's policies, with this one among them."""

        def trouble(session: IServerSession, owner: str, error: BaseException) -> None:
            raise error

        return PolicyChain([policyFrom("opening:X", found)], trouble, Clock(), 1.0)

    def test_openingHours(self) -> None:
        """Adverts are refused, and the shop has hours."""
        found = defined()
        chain = self.chain(found["OpeningHours"])
        session = sessionFrom()
        advert = Envelope(b"x@Adverts.example", 0.0)
        self.assertEqual(chain.maySend(session, advert), found["NO_ADVERTS"])
        self.assertIsNone(chain.maySend(session, ENVELOPE))

        def at(hour: int, path: bytes) -> Reply | None | Deferred[Reply | None]:
            profile = ServerProfile(clock=lambda: 86400 * 1000.0 + hour * 3600.0)
            session = ServerConnection(profile, ScriptedPort())
            return chain.mayReceive(session, ENVELOPE, recipientOf(path))

        self.assertIsNone(at(12, b"Shop@example.org"))
        self.assertEqual(at(22, b"Shop@example.org"), found["CLOSED"])
        self.assertIsNone(at(22, b"ann@example.org"))

    def test_appetites(self) -> None:
        """Ann gets no large messages, and is the only one."""
        found = defined()
        chain = self.chain(found["Appetites"])
        assert chain.mayDeliver is not None
        session = sessionFrom()

        def to(path: bytes, octets: int) -> object:
            envelope = Envelope(b"a@example.com", 0.0, octets=octets)
            return chain.mayDeliver(session, envelope, recipientOf(path))  # type: ignore[misc]  # it is there

        self.assertIs(to(b"Ann@example.org", 1_000_001), found["TOO_BIG"])
        self.assertIsNone(to(b"ann@example.org", 1_000_000))
        self.assertIsNone(to(b"bob@example.org", 10_000_000))

    def test_directory(self) -> None:
        """Whom the directory does not know is refused, once it answered."""
        found = defined()
        answer: Deferred[bool] = Deferred()
        chain = self.chain(found["Directory"](lambda path: answer))
        recipient = recipientOf(b"eve@example.org")
        verdict = deferred(chain.mayReceive(sessionFrom(), ENVELOPE, recipient))
        self.assertNoResult(verdict)
        answer.callback(False)
        self.assertEqual(self.successResultOf(verdict), found["UNKNOWN"])


class RuleTests(SynchronousTestCase):
    """The rules that a program makes, with a condition of its own."""

    def test_shopIsClosedAtNight(self) -> None:
        """The condition is asked as ours are."""
        policy = defined()["policy"]
        self.assertIsNone(defined()["extension"])
        for hour, closed in ((3, True), (12, False)):
            session = sessionFrom()
            session.profile.clock = partial(float, hour * 3600)
            session.envelope = Envelope(b"shop@example.org", 0.0)
            said = policy.maySend(session, session.envelope)
            text = b"550 5.7.1 shop@example.org is closed\r\n"
            self.assertEqual(said and said.octets, text if closed else None)
