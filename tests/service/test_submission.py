"""
Tests for listeners of the role C{submission}: the house as a whole, in memory, and
what its operator is told.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted import internet
from twisted.trial.unittest import SynchronousTestCase

from smtpx.net.server import ServerProtocol
from smtpx.policy.submission import Senders
from smtpx.policy.users import changeUsers, makeUser
from smtpx.service.cautions import cautions
from smtpx.service.check import check
from smtpx.service.config import readConfiguration
from smtpx.service.tables import Listener, ListenerTLS, Role
from smtpx.service.toml import parseDocument
from tests.net.made import CLIENT, Call, Wire

from .made import FOUND, HouseTestCase, Reactor, site
from .test_manual import blocks

_HELLO = b"EHLO pc.example\r\n"
_PEER = "192.0.2.1"
_JOE = b64encode(b"\0joe\0secret")
#: Two doors: 0 is for other servers, 1 for people.
_DOORS: Mapping[str, object] = {
    "listener": [{"port": 25}, {"port": 587, "role": "submission"}],
    "extensions": {"AUTH": {"clear_text": True}},
    "users": {"python": lambda name, password: password == b"secret"},
    "local": {"domains": ["example.org"]},
    "route": [{"match": ["example.org", "mx.example.org", "far.example"]}],
}


class SubmissionTests(HouseTestCase):
    """People submit mail."""

    def ready(self, **more: object) -> Call:
        """A client that has logged in as joe."""
        self.start(**(dict(_DOORS) | more))
        call = self.site.call(1)
        call.say(_HELLO)
        self.assertEqual(call.say(b"AUTH PLAIN " + _JOE + b"\r\n")[:3], b"235")
        return call

    def send(
        self,
        call: Call,
        message: bytes = b"Subject: x\r\n\r\nhello\r\n",
        sender: bytes = b"joe@example.org",
        recipient: bytes = b"ann@far.example",
    ) -> bytes:
        """Send a message; gives the last reply."""
        said = b""
        for line in (
            b"MAIL FROM:<%b>\r\n" % sender,
            b"RCPT TO:<%b>\r\n" % recipient,
            b"DATA\r\n",
            message + b".\r\n",
        ):
            said = call.say(line)
            if said[:1] not in b"23":
                break
        return said

    def test_aLoginComesFirst(self) -> None:
        """530, whatever C{demanded} says, and nobody talks before the greeting."""
        self.start(**_DOORS)
        call = self.site.call(1)
        said = call.say(_HELLO)
        self.assertNotIn(b"PIPECONNECT", said)
        self.assertIn(b"AUTH", said)
        self.assertEqual(self.send(call)[:9], b"530 5.7.0")

    def test_theOtherDoorStays(self) -> None:
        """A server's client needs no login there, and its message is not touched."""
        self.start(**_DOORS)
        call = self.site.call(0)
        self.assertIn(b"PIPECONNECT", call.say(_HELLO))
        said = self.send(call, recipient=b"ann@example.org", sender=b"x@office")
        self.assertEqual(said[:3], b"250")
        [message] = self.site.inboxes()
        self.assertTrue(message.endswith(b"\r\nSubject: x\r\n\r\nhello\r\n"))
        self.assertNotIn(b"Message-ID", message)
        self.assertEqual(self.send(call)[:9], b"550 5.7.1")

    def test_aMessage(self) -> None:
        """It goes to whom there is a way, and has what it lacked; the log says so."""
        call = self.ready(log={"selectors": ["+msg_id_created"]})
        said = self.send(call, b"Subject: x\r\nBcc: eve@far.example\r\n\r\nhello\r\n")
        self.assertEqual(said[:3], b"250")
        [message] = self.site.inboxes()
        header, _, text = message.partition(b"\r\n\r\n")
        self.assertEqual(text, b"hello\r\n")
        self.assertEqual(header.count(b"\r\nDate: "), 1)
        self.assertEqual(header.count(b"\r\nMessage-ID: <"), 1)
        self.assertNotIn(b"Bcc", header)
        self.assertTrue(header.endswith(b"@mx.example.org>\r\nSubject: x"))
        self.stop()
        log = (self.site.folder / "state/main.log").read_text()
        made = header.split(b"Message-ID: <")[1].split(b">")[0].decode()
        self.assertIn(f" P=esmtpa A=plain:joe S=43 id*={made}\n", log)

    def test_aMessageWithAnID(self) -> None:
        """The log has it as ever."""
        self.send(self.ready(), b"Message-ID: <a@b>\r\nDate: x\r\n\r\n")
        self.stop()
        log = (self.site.folder / "state/main.log").read_text()
        self.assertIn(" id=a@b\n", log)

    def test_noWay(self) -> None:
        """Where no route goes, nobody sends."""
        said = self.send(self.ready(), recipient=b"ann@nowhere.example")
        self.assertEqual(said[:9], b"550 5.1.2")

    def atTheOther(self) -> bytes:
        """What a user is told who logs in at the door for other servers."""
        call = self.site.call(0)
        call.say(_HELLO)
        call.say(b"AUTH PLAIN " + _JOE + b"\r\n")
        return self.send(call)[:9]

    def test_whoMayRelayIsAnotherQuestion(self) -> None:
        """Users of this door may, whatever C{relay.authenticated} says."""
        self.assertEqual(
            self.send(self.ready(relay={"authenticated": False}))[:3], b"250"
        )
        self.assertEqual(self.atTheOther(), b"550 5.7.1")

    def test_theOtherDoorIsNoWayRound(self) -> None:
        """
        Where there is a door for users, they relay at the other one only if that is
        said: nobody looks there whether a sender is theirs.
        """
        self.ready()
        self.assertEqual(self.atTheOther(), b"550 5.7.1")

    def test_theOtherDoorCanBeOpened(self) -> None:
        """If it is said, they do."""
        self.ready(relay={"authenticated": True})
        self.assertEqual(self.atTheOther()[:3], b"250")

    def test_senders(self) -> None:
        """One's own, and those of the list; the null sender."""
        call = self.ready(submission={"senders": {"joe": ["sales@shop.example"]}})
        for sender, code in (
            (b"joe@example.org", b"250"),
            (b"sales@shop.example", b"250"),
            (b"", b"250"),
            (b"ann@example.org", b"550 5.7.1"),
            (b"joe@example.com", b"550 5.7.1"),
            (b"joe@office", b"554 5.1.8"),
        ):
            said = self.send(call, sender=sender)
            self.assertEqual(said[: len(code)], code, sender)

    def test_virtualDomains(self) -> None:
        """Who is called so there is somebody else; a tag is not."""
        call = self.ready(
            local={
                "domains": ["example.org"],
                "tag_separators": "+-",
                "addresses": ["joe-marie@example.org"],
                "virtual": [{"domains": ["virtual.example"], "addresses": ["joe"]}],
            },
            route=[{"match": ["*"]}],
        )
        for sender, code in (
            (b"joe+shop@example.org", b"250"),
            (b"joe-shop@example.org", b"250"),
            (b"joe-marie@example.org", b"550 5.7.1"),
            (b"joe@virtual.example", b"550 5.7.1"),
        ):
            said = self.send(call, sender=sender)
            self.assertEqual(said[: len(code)], code, sender)

    def test_withoutChecks(self) -> None:
        """Each can be switched off."""
        call = self.ready(
            submission={
                "check_senders": False,
                "check_header": False,
                "early_talk": True,
            }
        )
        self.assertIn(b"PIPECONNECT", call.say(_HELLO))
        said = self.send(call, b"To: bob\r\n\r\n", sender=b"ann@example.org")
        self.assertEqual(said[:3], b"250")

    def test_addressesOfTheHeader(self) -> None:
        """They are whole (RFC 6409 section 4.2)."""
        call = self.ready()
        said = self.send(call, b"To: bob\r\n\r\n")
        self.assertEqual(said, b"554 5.6.0 Address without its whole domain in To\r\n")
        self.assertEqual(self.site.inboxes(), [])
        self.assertEqual(self.send(call)[:3], b"250")

    def test_loginsThatAProxyHasSeen(self) -> None:
        """They count as any other, and no more."""
        self.start(**(dict(_DOORS) | {"extensions": {"XCLIENT": {"hosts": [_PEER]}}}))
        call = self.site.call(1)
        call.say(_HELLO)
        said = call.say(b"XCLIENT ADDR=198.51.100.7 LOGIN=joe\r\n")
        self.assertEqual(said[:3], b"220")
        self.assertNotIn(b"XCLIENT", call.say(_HELLO))
        self.assertEqual(self.send(call)[:3], b"250")
        self.assertEqual(self.send(call, sender=b"ann@example.org")[:3], b"550")
        self.stop()
        log = (self.site.folder / "state/main.log").read_text()
        self.assertIn("H=(pc.example) [198.51.100.7] P=esmtpa A=xclient:joe", log)

    def test_otherPolicies(self) -> None:
        """Clients that are not wanted are not wanted here either."""
        self.start(**(dict(_DOORS) | {"policy": {"refuse_hosts": ["192.0.2.1"]}}))
        self.assertEqual(self.site.call(1).wire.said()[:3], b"554")


class ToldTests(SynchronousTestCase):
    """What an operator is told."""

    def setUp(self) -> None:
        """A machine, and a file in its folder."""
        self.site = site(self.mktemp())
        self.file = self.site.folder / "x.toml"

    def problems(self, text: str) -> list[str]:
        """What is wrong, without the file's name."""
        self.file.write_text(text)
        configuration = readConfiguration(self.file, FOUND)
        found = check(self.site.machine, configuration, FOUND)
        return [str(each).removeprefix(str(self.file)) for each in found]

    def cautions(self, text: str) -> list[str]:
        """What to know, where nothing is wrong."""
        self.assertEqual(self.problems(text), [])
        configuration = readConfiguration(self.file, FOUND)
        found = cautions(self.site.machine, configuration)
        return [str(each).removeprefix(str(self.file)) for each in found]

    def test_senders(self) -> None:
        """Each list that is none is told, with its line."""
        problems = self.problems(
            "[submission.senders]\njoe = ['@']\nann = ['a@b.example']\n'' = ['*']\n"
        )
        self.assertEqual(len(problems), 2)
        self.assertTrue(problems[0].startswith(':2: submission.senders.joe: "@"'))
        self.assertEqual(problems[1], ':4: submission.senders.: "" is no login')

    def test_withoutAUTH(self) -> None:
        """Nobody could ever send."""
        self.assertEqual(
            self.problems(
                "[[listener]]\nport = 587\nrole = 'submission'\n"
                "[extensions]\ndisable = ['AUTH']\n"
            ),
            [":3: listener[0].role: for submission there has to be AUTH"],
        )

    def test_whatIsToldElsewhere(self) -> None:
        """A domain that is none is one mistake, and not two."""
        text = "[local]\ndomains = ['a..b']\n[submission.senders]\njoe = ['@']\n"
        self.assertEqual(len(self.problems(text)), 1)

    def test_nobodyCanLogIn(self) -> None:
        """Until there is a user, or somebody who can tell."""
        text = "state = 'state'\n[[listener]]\nport = 587\nrole = 'submission'\n"
        users = self.site.folder / "state/users"
        self.assertEqual(
            self.cautions(text),
            [
                ":4: listener[0].role: nobody can log in yet, and so nobody can send:"
                f" there are no users in {users}; make one with"
                f' "smtpx passwd --config {self.file} NAME"'
            ],
        )
        self.assertEqual(self.cautions("[[listener]]\nport = 25\n"), [])
        users.parent.mkdir()
        changeUsers(users, lambda old: old.including(makeUser(b"joe", b"x", 4096)))
        self.assertEqual(self.cautions(text), [])
        users.unlink()
        self.assertEqual(self.cautions(text + "[users]\npython = 'os:getcwd'\n"), [])

    def test_usersThatCannotBeRead(self) -> None:
        """That is an error, and nothing is to be added."""
        file = self.site.folder / "users"
        file.write_text("nonsense")
        text = f"[users]\nfile = '{file}'\n[[listener]]\nport = 587\n"
        self.file.write_text(text + "role = 'submission'\n")
        configuration = readConfiguration(self.file, FOUND)
        self.assertEqual(list(cautions(self.site.machine, configuration)), [])

    def test_noTLS(self) -> None:
        """There is no login in the clear, unless that is wanted."""
        text = (
            "[users]\npython = 'os:getcwd'\n"
            "[[listener]]\nport = 587\nrole = 'submission'\ntls = 'none'\n"
        )
        self.assertEqual(
            self.cautions(text),
            [
                ":5: listener[0].role: without TLS nobody can log in here, and so"
                " nobody can send"
            ],
        )
        text += "[extensions.AUTH]\nclear_text = true\n"
        self.assertEqual(self.cautions(text), [])

    def test_proxiesThatAnybodyCanBe(self) -> None:
        """XCLIENT is not for everybody."""
        text = "[extensions.XCLIENT]\nhosts = ['{}']\n"
        self.assertEqual(
            self.cautions(text.format("*")),
            [
                ":2: extensions.XCLIENT.hosts: whoever connects can say to be somebody"
                " else; list your proxies only"
            ],
        )
        self.assertEqual(self.cautions(text.format("192.0.2.1")), [])
        listener = "[[listener]]\nport = 25\naddress = '{}'\nproxy_hosts = ['{}']\n"
        for address, hosts, known in (
            ("0.0.0.0", "*", 1),  # noqa: S104  # nobody listens
            ("0.0.0.0", "0.0.0.0/0", 1),  # noqa: S104  # likewise
            ("::", "::/0", 1),
            ("::", "!192.0.2.1", 1),
            ("0.0.0.0", "192.0.2.0/24", 0),  # noqa: S104  # likewise
            ("127.0.0.1", "*", 0),
        ):
            said = self.cautions(listener.format(address, hosts))
            self.assertEqual(
                said,
                [
                    ":4: listener[0].proxy_hosts: whoever connects can say to be"
                    " somebody else; list your proxies only"
                ]
                * known,
            )

    def test_openRelay(self) -> None:
        """Whoever wants one is told what it is, unless only this machine is there."""
        text = "[[listener]]\nport = 25\naddress = '{}'\n[relay]\nhosts = ['{}']\n"
        for address, hosts, known in (
            ("::", "*", 1),
            ("0.0.0.0", "0.0.0.0/0", 1),  # noqa: S104  # nobody listens
            ("0.0.0.0", "10.0.0.0/8", 0),  # noqa: S104  # likewise
            ("127.0.0.1", "*", 0),
        ):
            self.assertEqual(
                self.cautions(text.format(address, hosts)),
                [
                    ":5: relay.hosts: whoever connects can send mail to everywhere:"
                    " an open relay"
                ]
                * known,
            )

    def test_proxiesThatKnowTheLogins(self) -> None:
        """Where there is one, users need not be known here."""
        text = "[[listener]]\nport = 587\nrole = 'submission'\ntls = 'none'\n"
        self.assertEqual(len(self.cautions(text)), 2)
        text += "[extensions.XCLIENT]\nhosts = ['192.0.2.1']\n"
        self.assertEqual(self.cautions(text), [])


class ListenerTests(SynchronousTestCase):
    """What a listener is by default."""

    def test_tls(self) -> None:
        """RFC 8314 section 3.3: implicit TLS at port 465, for submission."""
        for listener, tls in (
            (Listener(465, role=Role.SUBMISSION), ListenerTLS.IMPLICIT),
            (Listener(587, role=Role.SUBMISSION), ListenerTLS.STARTTLS),
            (Listener(465), ListenerTLS.STARTTLS),
            (
                Listener(465, role=Role.SUBMISSION, tls=ListenerTLS.NONE),
                ListenerTLS.NONE,
            ),
        ):
            self.assertIs(listener.tls, tls)


class ManualTests(SynchronousTestCase):
    """The examples of the guide C{doc/howto/submission.rst}."""

    page = "howto/submission.rst"

    def test_configurations(self) -> None:
        """Each of them is one; the first listens on three ports."""
        read = []
        for text in blocks(self.page, "toml"):
            document = parseDocument(text, self.page, Path("/etc/smtpx"))
            read.append(readConfiguration(document.values, FOUND))
        self.assertEqual(
            [(each.port, each.role, each.tls) for each in read[0].listeners],
            [
                (25, Role.MX, ListenerTLS.STARTTLS),
                (465, Role.SUBMISSION, ListenerTLS.IMPLICIT),
                (587, Role.SUBMISSION, ListenerTLS.STARTTLS),
            ],
        )
        senders = Senders(read[1].submission.senders)
        self.assertTrue(senders.permits(b"webmail", b"a@b.example"))
        self.assertFalse(read[2].submission.checkSenders)
        self.assertTrue(read[3].relay.authenticated)
        self.assertEqual(len(read), 5)

    def test_theProgram(self) -> None:
        """It listens, wants a login, and offers none in the clear."""
        [text] = blocks(self.page, "python")
        reactor = Reactor()
        if not hasattr(internet, "reactor"):
            # Nothing has installed one yet, and it is not to be us.
            vars(internet)["reactor"] = None
            self.addCleanup(vars(internet).pop, "reactor")
        self.patch(internet, "reactor", reactor)
        text = text.replace('Path("tls")', f"Path({self.mktemp()!r})")
        exec(compile(text, self.page, "exec"), {})
        port, listening, _, interface = reactor.tcpServers[0]
        factory: Any = listening
        self.assertEqual((port, interface), (2587, "127.0.0.1"))
        wire = Wire(peerAddress=CLIENT)
        protocol = factory.buildProtocol(CLIENT)
        assert isinstance(protocol, ServerProtocol)
        protocol.makeConnection(wire)
        call = Call(protocol, wire)
        said = call.say(_HELLO)
        self.assertIn(b"STARTTLS", said)
        self.assertNotIn(b"PIPECONNECT", said)
        self.assertNotIn(b"AUTH", said)
        self.assertEqual(call.say(b"MAIL FROM:<joe@example.org>\r\n")[:3], b"530")
        protocol.connectionLost()
