"""
Tests for L{smtpx.service.tables.checker}, L{smtpx.service.checkercheck} and
L{smtpx.service.wiring.checkers}.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.protocol import connectionDone

from smtpx.policy.rules.wanted import wantedBy
from smtpx.service import checkercheck
from smtpx.service.checkercheck import checkCheckers, checkerCautions
from smtpx.service.config import Configuration, readConfiguration
from smtpx.service.problems import ConfigurationError, Problem
from smtpx.service.rulecheck import checkRules
from smtpx.service.tables.checker import Place
from smtpx.service.toml import parseDocument
from smtpx.service.wiring.checkers import checkersOf, endpointOf
from smtpx.service.wiring.rules import rulesOf
from smtpx.service.wiring.ruletest import Trial, Tried, tryRules
from tests.policy.checkers.ends import Wire

from .made import FOUND, MESSAGE, HouseTestCase, send

DOOR = {"port": 0, "tls": "none"}

CLAMD = """
[[checker]]
name = "clamav"
kind = "clamd"
address = "/run/clamav/clamd.ctl"
"""

RULE = """
[[policy.message]]
malware = ["*"]
action = "reject"
message = "It has $malware_name"
"""


class CheckerTests(HouseTestCase):
    """Checkers in the configuration."""

    def read(self, text: str) -> Configuration:
        """A configuration."""
        self.file = self.site.folder / "smtpx.toml"
        self.file.write_text(text)
        return readConfiguration(self.file, FOUND)

    def told(self, problems: Iterable[Problem]) -> list[str]:
        """What an operator reads."""
        return [str(each).removeprefix(f"{self.file}:") for each in problems]

    def wrong(self, text: str) -> list[str]:
        """What is wrong with one."""
        try:
            configuration = self.read(text)
        except ConfigurationError as error:
            return self.told(error.problems)
        found = [*checkCheckers(configuration), *checkRules(configuration, FOUND)]
        return self.told(found)

    def test_addresses(self) -> None:
        """A path, or a host, which may have a port."""
        self.assertEqual(Place(path="/run/clamd"), Place.parse("/run/clamd"))
        self.assertEqual(Place(host="::1", port=1), Place.parse("[::1]:1"))
        self.assertEqual(Place(host="::1"), Place.parse("::1"))
        self.assertEqual(Place(host="av.example", port=7), Place.parse("av.example:7"))
        for bad in ("run/clamd", "a:b", "host:99999", "", "a b:1"):
            self.assertRaises(ValueError, Place.parse, bad)
        table = self.read(CLAMD.replace("/run/clamav/clamd.ctl", "127.0.0.1")).checkers
        self.assertEqual(Place(host="127.0.0.1", port=3310), table[0].place)
        endpoint = endpointOf(self.site.machine, table[0])
        self.assertIsInstance(endpoint, HostnameEndpoint)

    def test_whatIsWrong(self) -> None:
        """Each mistake is told with its line."""
        self.assertEqual([], self.wrong(CLAMD + RULE))
        self.assertEqual(
            ["8: checker[1].name: there is another checker clamav above"],
            self.wrong(CLAMD + CLAMD),
        )
        self.assertEqual(
            [
                "3: policy.message[0].malware: there is no checker that"
                " finds out about malware",
                "5: policy.message[0].message: there is no checker that"
                " finds out about malware",
            ],
            self.wrong(RULE),
        )
        [state] = self.wrong(CLAMD + RULE + "checker_state = {clamaf = ['away']}\n")
        self.assertIn('no checker clamaf; did you mean "clamav"?', state)
        [name] = self.wrong(CLAMD.replace('"clamav"', '"clam av"'))
        self.assertIn('expected a name such as "clamav", got "clam av"', name)
        [address] = self.wrong(CLAMD.replace("/run", "run"))
        self.assertIn("expected a path such as", address)
        [kind] = self.wrong(CLAMD.replace('"clamd"', '"clamav"'))
        self.assertIn("kind", kind)
        text = CLAMD + "opinion_seconds = 100\n[limits]\nanswer_seconds = 60\n"
        [seconds] = self.wrong(text)
        self.assertIn("limits.answer_seconds is 60 s, and this is no less", seconds)

    def test_optionsOfOneKind(self) -> None:
        """What is for one kind is an error with another."""
        for option, kind in (
            ('user = "ann"', "spamd"),
            ('settings_id = "strict"', "rspamd"),
            ('password_file = "secret"', "rspamd"),
            ("changes = true", "rspamd"),
        ):
            [text] = self.wrong(f"{CLAMD}{option}\n")
            self.assertIn(f'this is for "{kind}", and the kind is "clamd"', text)
            given = CLAMD.replace('kind = "clamd"', f'kind = "{kind}"') + option
            if "secret" not in option:
                self.assertEqual([], self.wrong(given))

    def test_passwords(self) -> None:
        """A password that others may read is no password."""
        file = self.site.folder / "secret"
        file.write_text("correct horse\n")
        file.chmod(0o600)
        text = CLAMD.replace('kind = "clamd"', 'kind = "rspamd"')
        text += f'password_file = "{file}"\n'
        self.assertEqual([], self.wrong(text))
        spam = "[[policy.message]]\nspam = true\naction = 'reject'\n"
        configuration = self.read(text + spam)
        wanted = wantedBy(rulesOf(configuration))
        made = checkersOf(self.site.machine, configuration, lambda hosts: hosts, wanted)
        self.assertEqual(["clamav"], [each.name for each in made])
        file.chmod(0o644)
        [problem] = self.wrong(text)
        self.assertIn("others may read it", problem)

    def test_sizes(self) -> None:
        """SpamAssassin gets no longer messages than its own client gives it."""
        text = CLAMD.replace('kind = "clamd"', 'kind = "spamd"')
        [table] = self.read(text).checkers
        self.assertEqual(500 << 10, table.octetsMax)
        [table] = self.read(f"{text}checked_octets = 1000\n").checkers
        self.assertEqual(1000, table.octetsMax)
        self.assertIsNone(self.read(CLAMD).checkers[0].octetsMax)

    def test_cautions(self) -> None:
        """One that no rule asks for, and one that is not there."""
        asked: list[tuple[object, ...]] = []

        def away(*rest: object) -> None:
            asked.append(rest)
            raise OSError(2, "No such file or directory")

        self.patch(checkercheck, "tryChecker", away)
        other = CLAMD.replace("clamav", "other").replace("/run/other/clamd.ctl", "::1")
        self.assertEqual(
            [
                "5: checker[0].address: clamav does not answer at"
                " /run/clamav/clamd.ctl:"
                " No such file or directory",
                "10: checker[1].address: other does not answer at ::1, port 3310:"
                " No such file or directory",
            ],
            self.told(checkerCautions(self.read(CLAMD + other + RULE))),
        )
        where = [each[1] for each in asked]
        self.assertEqual(["/run/clamav/clamd.ctl", ("::1", 3310)], where)
        self.assertEqual(
            ["2: checker[0]: no rule asks for what clamav finds, so it is not asked"],
            self.told(checkerCautions(self.read(CLAMD))),
        )
        self.patch(checkercheck, "tryChecker", lambda *rest: None)
        self.assertEqual([], self.told(checkerCautions(self.read(CLAMD + RULE))))


class AnsweringTestCase(HouseTestCase):
    """A server whose checkers answer what a test wants."""

    def rules(self, text: str) -> None:
        """Start a server with these rules."""
        values = dict(parseDocument(text, "rules.toml", Path()).values)
        values["log"] = {"main": str(self.site.folder / "main.log")}
        self.start(listener=[DOOR], **values)

    def clamd(self, answer: bytes, closes: bool = False) -> bytes:
        """
        A checker takes the connection, and answers.

        @param closes: does it close then?
        @return: what it was told.
        """
        address, factory, *_ = self.site.reactor.unixClients[-1]
        self.assertEqual("/run/clamav/clamd.ctl", address)
        protocol: Any = factory.buildProtocol(None)
        wire = Wire()
        protocol.makeConnection(wire)
        self.site.reactor.advance(0)
        said = wire.value()
        protocol.dataReceived(answer)
        if closes:
            protocol.connectionLost(connectionDone)
        return bytes(said)


class CheckedHouseTests(AnsweringTestCase):
    """A server with a virus scanner."""

    def log(self) -> str:
        """The main log."""
        self.site.reactor.advance(1)
        return (self.site.folder / "main.log").read_text("ascii")

    def test_malwareIsRefused(self) -> None:
        """A message with a virus is refused, and the log says why."""
        self.rules(CLAMD + RULE)
        call = self.site.call()
        self.assertEqual(b"", send(call, b"ann@localhost"))
        said = self.clamd(b"stream: Eicar-Test FOUND\0")
        length = len(MESSAGE).to_bytes(4, "big")
        self.assertEqual(b"zINSTREAM\0" + length + MESSAGE + b"\0\0\0\0", said)
        self.assertEqual(b"550 5.7.1 It has Eicar-Test\r\n", call.wire.value()[-29:])
        self.assertIn(" clamav: malware Eicar-Test\n", self.log())

    def test_theRestIsTaken(self) -> None:
        """A message in which nothing is found goes on."""
        self.rules(CLAMD + RULE)
        call = self.site.call()
        send(call, b"ann@localhost")
        self.clamd(b"stream: OK\0")
        self.site.reactor.advance(1)
        self.assertEqual(1, len(self.site.inboxes()))

    def test_nobodyAsks(self) -> None:
        """A scanner that no rule asks for is not connected to."""
        self.rules(CLAMD)
        self.assertEqual(b"250 ", send(self.site.call(), b"ann@localhost")[:4])
        self.assertEqual([], self.site.reactor.unixClients)

    def test_loginsAndHosts(self) -> None:
        """Clients that it is not for are not checked."""
        self.rules(CLAMD + 'hosts = ["!192.0.2.1", "*"]\n' + RULE)
        self.assertEqual(b"250 ", send(self.site.call(), b"ann@localhost")[:4])
        self.assertEqual([], self.site.reactor.unixClients)

    def test_away(self) -> None:
        """Where it is away, the client comes again, or the message goes on."""
        self.rules(CLAMD + RULE)
        call = self.site.call()
        send(call, b"ann@localhost")
        self.clamd(b"")
        self.site.reactor.advance(121)
        self.assertIn(b"451 4.4.3 ", call.wire.value())
        self.assertIn(" clamav: slow: ", self.log())

    def test_awayAndAccepted(self) -> None:
        """So it is where the operator wants that."""
        self.rules(CLAMD + 'when_away = "accept"\n' + RULE)
        call = self.site.call()
        send(call, b"ann@localhost")
        self.site.reactor.advance(121)
        self.assertIn(b"250 2.0.0 OK", call.wire.value())

    def test_spamFilters(self) -> None:
        """A spam filter can have the message changed, and its score is told."""
        self.rules(
            CLAMD.replace('kind = "clamd"', 'kind = "rspamd"\nchanges = true')
            + "[[policy.message]]\nspam = true\n"
            'add_header = ["X-Score: $spam_score"]\n'
        )
        call = self.site.call()
        send(call, b"ann@localhost")
        answer = (
            b'{"action":"add header","score":7.5,"required_score":15,'
            b'"milter":{"add_headers":{"X-Filter":"yes"}}}'
        )
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer)
        said = self.clamd(head + answer)
        self.assertIn(b"\r\nRcpt: <ann@localhost>\r\n", said)
        self.site.reactor.advance(1)
        [message] = self.site.inboxes()
        self.assertIn(b"X-Score: 7.5", message)
        self.assertIn(b"X-Filter: yes", message)

    def test_spamassassin(self) -> None:
        """It sees the message with who has sent it."""
        self.rules(
            CLAMD.replace('kind = "clamd"', 'kind = "spamd"\nuser = "ann"')
            + '[[policy.message]]\nspam = true\naction = "reject"\n'
        )
        call = self.site.call()
        send(call, b"ann@localhost")
        answer = b"SPAMD/1.1 0 EX_OK\r\nSpam: True ; 7.5 / 5.0\r\n\r\n"
        said = self.clamd(answer, closes=True)
        self.assertIn(b"\r\nUser: ann\r\n\r\nX-Envelope-From: <a@b.example>", said)
        self.assertEqual(b"550 5.7.1 ", call.wire.value()[:10])

    def tried(self, text: str) -> Deferred[list[Tried]]:
        """What C{smtpx policy test} finds."""
        values = parseDocument(text, "rules.toml", Path()).values
        trial = Trial(
            address=b"192.0.2.1",
            name=None,
            helo=b"client.example",
            user=None,
            encrypted=False,
            sender=b"a@b.example",
            recipients=[b"ann@localhost"],
            message=MESSAGE,
        )
        configuration = self.site.read(values)
        asked = tryRules(self.site.machine, configuration, FOUND, trial)
        return Deferred.fromCoroutine(asked)

    def test_ruleTest(self) -> None:
        """An operator can ask the rules of a message, and the scanner is asked."""
        tried = self.tried(CLAMD + RULE)
        said = self.clamd(b"stream: Eicar-Test FOUND\0")
        self.assertIn(MESSAGE, said)
        [stage] = self.successResultOf(tried)
        [rule] = stage.told.rules
        self.assertEqual("550 5.7.1 It has Eicar-Test", rule.answer)
        self.assertEqual("clamav: Eicar-Test", rule.conditions[0].saw)

    def test_ruleTestSkips(self) -> None:
        """As the server would, it asks nobody where a rule says so."""
        skip = '[[policy.mail]]\ncontrol = ["skip_malware"]\n'
        stages = self.successResultOf(self.tried(CLAMD + RULE + skip))
        self.assertFalse(stages[-1].told.refused)
        self.assertEqual([], self.site.reactor.unixClients)
