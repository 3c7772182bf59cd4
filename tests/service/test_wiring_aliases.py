"""
Tests for L{smtpx.service.wiring.aliases}: a house with aliases, in memory.
"""

from __future__ import annotations

import os

from smtpx.policy.aliasentry import BadAliases

from .made import HouseTestCase, send


class AliasedHouseTests(HouseTestCase):
    """From RCPT to Maildirs, with aliases between."""

    def setUp(self) -> None:
        """A file with aliases."""
        super().setUp()
        self.file = self.site.folder / "aliases"
        self.write("sales: ann, bob\ngone: :fail: 551 5.1.6 Gone\nnull: :blackhole:\n")

    def write(self, text: str) -> None:
        """Somebody changes the file."""
        self.file.write_text(text)
        os.utime(self.file, (len(text), len(text)))

    def begin(self, **more: object) -> None:
        """Start a server with the file."""
        options: dict[str, object] = {
            "name": "mx.example.org",
            "local": {
                "domains": ["example.org"],
                "addresses": ["ann@example.org", "bob@example.org"],
                "unknown": "refuse",
                "virtual": [{"domains": ["shop.example"], "addresses": ["ann"]}],
            },
            "aliases": {"files": [self.file], "entries": {"root": ["postmaster"]}},
            "route": [
                {
                    "match": ["example.org", "shop.example", "mx.example.org"],
                    "path": self.site.folder / "{domain}/{user}",
                }
            ],
            "log": {"json": self.site.folder / "events"},
        }
        self.start(**(options | more))

    def inbox(self, name: str) -> list[bytes]:
        """The messages in a folder."""
        folder = self.site.folder / name / "new"
        return [each.read_bytes() for each in sorted(folder.glob("*"))]

    def log(self) -> str:
        """The main log, whole."""
        self.stop()
        return (self.site.folder / "state/main.log").read_text()

    def test_several(self) -> None:
        """Each whom an alias leads to has the message, and the log says so."""
        self.begin()
        self.assertEqual(send(self.site.call(), b"Sales+x@example.org")[:3], b"250")
        for name in ("ann", "bob"):
            [message] = self.inbox(f"example.org/{name}")
            self.assertTrue(
                message.startswith(
                    b"Return-Path: <a@b.example>\r\n"
                    b"X-Original-To: Sales+x@example.org\r\n"
                    b"Delivered-To: %b@example.org\r\n" % name.encode()
                )
            )
            self.assertIn(b"\tfor <Sales+x@example.org>;", message)
        self.assertEqual(self.site.spools[0].kept, {})
        log = self.log()
        for name in ("ann", "bob"):
            self.assertIn(
                f" => {name}@example.org <Sales+x@example.org>"
                " R=example.org T=maildir\n",
                log,
            )
        self.assertEqual(log.count(" Completed\n"), 1)

    def test_acceptedAsGiven(self) -> None:
        """Who listens to arrivals hears of the client's recipients."""
        self.begin()
        send(self.site.call(), b"sales@example.org")
        self.stop()
        events = (self.site.folder / "events").read_text()
        self.assertIn('"recipients":["sales@example.org"]', events)
        self.assertIn('"original":"sales@example.org"', events)

    def test_tags(self) -> None:
        """A tag is no other user, and stands in the message."""
        self.begin()
        self.assertEqual(send(self.site.call(), b"ann+news@example.org")[:3], b"250")
        [message] = self.inbox("example.org/ann")
        self.assertIn(b"Delivered-To: ann+news@example.org\r\n", message)

    def test_tagsOfAnotherSign(self) -> None:
        """What separates tags is an option, and none may do so."""
        for signs, user in (("-", b"ann-x"), ("", b"ann")):
            local = {
                "domains": ["example.org"],
                "addresses": ["ann@example.org"],
                "unknown": "refuse",
                "tag_separators": signs,
            }
            self.begin(local=local, aliases={})
            call = self.site.call()
            self.assertEqual(send(call, user + b"@example.org")[:3], b"250")
            call = self.site.call()
            self.assertEqual(send(call, b"ann+x@example.org")[:9], b"550 5.1.1")
            self.stop()
            self.assertNotEqual(self.inbox("example.org/ann"), [])
            super().setUp()

    def test_virtual(self) -> None:
        """A virtual domain has people of its own."""
        self.begin()
        self.assertEqual(send(self.site.call(), b"ann@shop.example")[:3], b"250")
        self.assertEqual(
            send(self.site.call(), b"sales@shop.example"),
            b"550 5.1.1 No such recipient here\r\n",
        )
        self.assertEqual(len(self.inbox("shop.example/ann")), 1)

    def test_virtualOnTheFirstStart(self) -> None:
        """Without routes, virtual domains go into the one Maildir as well."""
        self.start(local={"virtual": [{"domains": ["a.example"], "addresses": ["x"]}]})
        self.assertEqual(send(self.site.call(), b"x@a.example")[:3], b"250")
        self.assertEqual(len(self.site.inboxes()), 1)

    def test_refused(self) -> None:
        """An alias may refuse in words of the operator's."""
        self.begin()
        self.assertEqual(
            send(self.site.call(), b"gone@example.org"), b"551 5.1.6 Gone\r\n"
        )
        self.assertEqual(
            send(self.site.call(), b"eve@example.org"),
            b"550 5.1.1 No such recipient here\r\n",
        )

    def test_thrownAway(self) -> None:
        """What is thrown away is taken, and told of."""
        self.begin()
        self.assertEqual(send(self.site.call(), b"null@example.org")[:3], b"250")
        self.assertEqual(self.site.spools[0].kept, {})
        self.assertIn(
            " => null <null@example.org> R=:blackhole: T=discard\n", self.log()
        )

    def test_changed(self) -> None:
        """A change of the file is taken up; a bad one is told, and changes nothing."""
        self.begin()
        self.write("sales: bob\ninfo: bob\n")
        self.site.reactor.pump([1.0] * 2)
        self.assertEqual(send(self.site.call(), b"info@example.org")[:3], b"250")
        self.write("sales: bob\nloop: pool\npool: loop\n")
        self.site.reactor.pump([1.0] * 5)
        self.assertEqual(send(self.site.call(), b"info@example.org")[:3], b"250")
        self.file.unlink()
        self.site.reactor.pump([1.0] * 5)
        self.assertEqual(send(self.site.call(), b"info@example.org")[:3], b"250")
        self.stop()
        self.assertEqual(len(self.inbox("example.org/bob")), 3)
        events = (self.site.folder / "events").read_text()
        self.assertEqual(events.count('"event":"aliases.read"'), 1)
        self.assertEqual(events.count('"event":"aliases.kept"'), 2)
        self.assertIn(
            f"{self.file}:2: loop: it leads to itself: loop@example.org:"
            " pool@example.org: loop@example.org",
            events,
        )

    def test_broken(self) -> None:
        """An alias that turns out broken is 451, and the operator is told which."""
        self.write("x-*@example.org: $1@nowhere.example\n")
        self.begin()
        self.assertEqual(
            send(self.site.call(), b"x-eve@example.org"),
            b"451 4.3.5 Mail for that recipient cannot be taken now\r\n",
        )
        self.stop()
        events = (self.site.folder / "events").read_text()
        self.assertIn('"event":"alias.broken"', events)
        self.assertIn(f'"alias":"x-*@example.org","file":"{self.file}"', events)
        self.assertIn('"line":1', events)

    def test_twoWays(self) -> None:
        """Who is there by two ways gets one copy, as the client gave it."""
        self.begin()
        call = self.site.call()
        for line in (b"EHLO c.example", b"MAIL FROM:<a@b.example>",
                     b"RCPT TO:<sales@example.org>", b"RCPT TO:<ann@example.org>",
                     b"RCPT TO:<sales+again@example.org>", b"DATA"):  # fmt: skip
            call.say(line + b"\r\n")
        self.assertEqual(call.say(b"x\r\n.\r\n")[:3], b"250")
        [message] = self.inbox("example.org/ann")
        self.assertNotIn(b"X-Original-To", message)
        self.assertEqual(len(self.inbox("example.org/bob")), 1)

    def test_held(self) -> None:
        """A message is on hold where all whom its aliases lead to are."""
        self.begin(
            route=[
                {"match": ["example.org", "shop.example"], "transport": "hold"},
                {"match": ["mx.example.org"]},
            ]
        )
        send(self.site.call(), b"sales@example.org")
        [held] = self.site.spools[0].kept.values()
        self.assertTrue(held.held)
        paths = [each.path for each in held.envelope.recipients]
        self.assertEqual(paths, [b"ann@example.org", b"bob@example.org"])

    def test_wrongAtTheStart(self) -> None:
        """Bad aliases, of whatever source, are not started with."""
        for aliases, problem in (
            ({"files": [self.site.folder / "no"]}, "no: cannot be read: No such file"),
            ({"entries": {"a": ["nobody"]}}, "configuration: a: there is no such"),
            ({"entries": {"a": ["b c"]}}, 'configuration: a: "b" wants a comma'),
        ):
            service = self.site.build({"aliases": aliases, "local": {
                "domains": ["example.org"], "unknown": "refuse"}})  # fmt: skip
            opened = service.whenOpen()
            service.privilegedStartService()
            service.startService()
            error = self.failureResultOf(opened, BadAliases)
            self.assertIn(problem, error.getErrorMessage())
            self.successResultOf(service.stopService())
            self.flushLoggedErrors(BadAliases)

    def test_noAliases(self) -> None:
        """Without aliases there is nothing to ask, to look at or to stop."""
        self.start()
        self.assertEqual(
            [pool.name for pool in self.site.pools if pool.name == "aliases"], []
        )
