"""
Tests for L{smtpx.service.lists}: look-ups in lists of the configuration, and
C{doc/howto/lists-by-look-up.rst}.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from textwrap import dedent

import lmdb

from smtpx.core.errors import UsageError
from smtpx.policy.lookups import lmdbtable
from smtpx.service.check import check
from smtpx.service.config import readConfiguration
from smtpx.service.lists import checkLists, withLookups
from smtpx.service.rulecheck import checkRules
from smtpx.service.toml import parseDocument

from .made import FOUND
from .test_wiring_sending import ADDRESS, SendingTestCase

PAGE = Path(__file__).parent.parent.parent / "doc/howto/lists-by-look-up.rst"

LISTS = """
[[lookup]]
name = "quick"
kind = "lsearch"
file = "{folder}/quick"
[[lookup]]
name = "slow"
kind = "sqlite"
file = "{folder}/slow"
query = "SELECT value FROM hosts WHERE name = :key"
"""


def snippets() -> list[str]:
    """The examples of the page."""
    found = re.findall(
        r"code-block:: toml\n\n((?:   .*\n|\n)+)", PAGE.read_text("utf-8")
    )
    return [dedent(each) for each in found]


class ListTestCase(SendingTestCase):
    """What these tests share."""

    def setUp(self) -> None:
        """Files for look-ups."""
        super().setUp()
        self.quick = self.site.folder / "quick"
        self.quick.write_bytes(b"192.0.2.1\nbranch.example\n")
        connection = sqlite3.connect(self.site.folder / "slow")
        connection.execute("CREATE TABLE hosts (name, value)")
        connection.execute("INSERT INTO hosts VALUES ('192.0.2.1', 'x')")
        connection.commit()
        connection.close()

    def values(self, text: str) -> dict[str, object]:
        """A file, with look-ups."""
        text = LISTS.format(folder=self.site.folder.absolute()) + text
        return dict(parseDocument(text, "lists.toml", Path()).values)

    def wrong(self, text: str) -> list[str]:
        """What is wrong with a file."""
        path = self.site.folder / "lists.toml"
        state = f'state = "{self.site.folder}/state"\n'
        lookups = LISTS.format(folder=self.site.folder.absolute())
        path.write_text(state + lookups + text)
        configuration = readConfiguration(path, FOUND)
        found = check(self.site.machine, configuration, FOUND)
        return [str(each).partition(":")[2].partition(": ")[2] for each in found]


class CheckTests(ListTestCase):
    """What is found at start."""

    def test_lists(self) -> None:
        """Look-ups that there are not, and those that lists cannot wait for."""
        wrong = self.wrong(
            '[policy]\nrefuse_hosts = ["192.0.2.7", "lookup:quik"]\n'
            '[relay]\nhosts = ["lookup:slow"]\n'
            '[extensions.CHUNKING]\nchunking_advertise_hosts = ["!lookup:slow"]\n'
            '[[listener]]\nport = 0\ntls_resumption_hosts = ["lookup:none"]\n'
            '[[policy.mail]]\nhosts = ["lookup:nothing"]\naction = "reject"\n'
        )
        slow = "slow may have to wait, and this list cannot"
        for each in (
            'policy.refuse_hosts[1]: there is no look-up quik; did you mean "quick"?',
            f"relay.hosts[0]: {slow}",
            f"extensions.CHUNKING.chunking_advertise_hosts[0]: {slow}",
            "listener[0].tls_resumption_hosts[0]: there is no look-up none",
            "policy.mail[0].hosts[0]: there is no look-up nothing",
        ):
            self.assertIn(each, wrong)

    def test_domains(self) -> None:
        """Of domains likewise."""
        text = '[relay]\ndomains = ["lookup:{0}"]\n[[route]]\nmatch = ["*"]\n'
        self.assertEqual(self.wrong(text.format("quick")), [])
        for name in ("slow", "none"):
            (each,) = self.wrong(text.format(name))
            self.assertIn(f'there is no look-up "{name}" for lists', each)
        found = self.wrong('[[route]]\nmatch = ["lookup:none", "*"]\n')
        self.assertIn('there is no look-up "none" for lists', "".join(found))
        found = self.wrong('[local]\ndomains = ["lookup:quick", "x.example"]\n')
        self.assertEqual(found, [])
        found = self.wrong('[[local.virtual]]\ndomains = ["lookup:quick"]\n')
        self.assertIn('"lookup:quick": no look-up can stand here', "".join(found))

    def test_withoutLookups(self) -> None:
        """Then nothing is changed, and a list that wants one is an error."""
        configuration = self.site.read({"policy": {"refuse_hosts": ["lookup:x"]}})
        self.assertIs(withLookups(configuration, {}), configuration)
        (problem,) = checkLists(configuration)
        self.assertEqual(problem.text, "there is no look-up x")

    def test_examplesOfThePage(self) -> None:
        """They are right, together."""
        text = "\n".join(snippets())
        values = dict(parseDocument(text, "page", Path()).values)
        configuration = readConfiguration(values, FOUND)
        self.assertEqual(list(checkLists(configuration)), [])
        self.assertEqual(list(checkRules(configuration, FOUND)), [])
        self.assertRaises(UsageError, configuration.policy.refuseHosts.asking, {})


class ListsTests(ListTestCase):
    """Lists with look-ups in a whole server."""

    def test_refusedHosts(self) -> None:
        """A file that changes counts at once."""
        self.start(**self.values('[policy]\nrefuse_hosts = ["lookup:quick"]\n'))
        self.assertEqual(self.site.call(host="192.0.2.1").wire.said()[:3], b"554")
        self.assertEqual(self.site.call(host="192.0.2.2").wire.said()[:3], b"220")
        self.quick.write_bytes(b"192.0.2.2\n")
        self.site.reactor.pump([1.0, 1.0, 1.0])
        self.assertEqual(self.site.call(host="192.0.2.1").wire.said()[:3], b"220")
        self.assertEqual(self.site.call(host="192.0.2.2").wire.said()[:3], b"554")

    def test_relayHostsThatCannotBeTold(self) -> None:
        """Who may be one of them comes again."""
        self.serve()
        self.start(**self.values('[relay]\nhosts = ["lookup:quick"]\n'))
        self.assertEqual(self.send(b"x@branch.example")[:3], b"250")
        self.quick.unlink()
        self.site.reactor.pump([1.0, 1.0, 1.0])
        self.assertEqual(self.send(b"x@branch.example")[:9], b"451 4.4.3")

    def test_extensions(self) -> None:
        """Host lists of extensions ask as well."""
        text = '[extensions.CHUNKING]\nchunking_advertise_hosts = ["lookup:quick"]\n'
        self.start(**self.values(text))
        for host, offered in (("192.0.2.1", True), ("192.0.2.2", False)):
            said = self.site.call(host=host).say(b"EHLO c.example\r\n")
            self.assertIs(b"CHUNKING" in said, offered, host)

    def test_rulesWait(self) -> None:
        """In rules, look-ups that take a while can stand in lists."""
        text = '[[policy.mail]]\nhosts = ["lookup:slow"]\naction = "reject"\n'
        self.start(**self.values(text))
        for host, code in (("192.0.2.1", b"550"), ("192.0.2.2", b"250")):
            call = self.site.call(host=host)
            call.say(b"EHLO c.example\r\n")
            said = call.say(b"MAIL FROM:<a@b.example>\r\n") or call.wire.said()
            self.assertEqual(said[:3], code, host)

    def test_routes(self) -> None:
        """Where mail goes can stand in a file; where that cannot be told, it waits."""
        server = self.serve(port=2525)
        text = (
            '[relay]\nhosts = ["192.0.2.1"]\n'
            '[[route]]\nmatch = ["lookup:quick"]\ntransport = "smtp"\n'
            f'hosts = ["[{ADDRESS}]:2525"]\n'
            '[[route]]\nmatch = ["*"]\n'
        )
        self.start(**self.values(text))
        self.assertEqual(self.send(b"x@branch.example")[:3], b"250")
        self.assertEqual(len(server.messages), 1)
        self.assertEqual(self.send(b"x@other.example")[:3], b"250")
        self.assertEqual(len(server.messages), 1)


class LocalDomainTests(ListTestCase):
    """Domains of our own that stand in a file."""

    def test_localDomains(self) -> None:
        """Mail for them is taken and delivered here; and put off without the file."""
        text = '[local]\ndomains = ["x.example", "lookup:quick"]\n'
        self.start(**self.values(text))
        self.assertEqual(self.send(b"bob@branch.example")[:3], b"250")
        self.assertEqual(self.send(b"bob@x.example")[:3], b"250")
        self.assertEqual(self.send(b"bob@other.example")[:3], b"550")
        self.site.reactor.advance(1)
        self.assertEqual(len(self.site.inboxes()), 2)
        self.quick.unlink()
        self.site.reactor.pump([1.0, 1.0, 1.0])
        self.assertEqual(self.send(b"bob@branch.example")[:9], b"451 4.4.3")
        self.assertEqual(self.send(b"bob@x.example")[:3], b"250")

    def test_listedAddresses(self) -> None:
        """Who is listed at a domain in a file is known as others are."""
        text = (
            '[local]\ndomains = ["x.example", "lookup:quick"]\nunknown = "refuse"\n'
            'addresses = ["ann@branch.example"]\n'
        )
        self.start(**self.values(text))
        self.assertEqual(self.send(b"ann@branch.example")[:3], b"250")
        self.assertEqual(self.send(b"postmaster@branch.example")[:3], b"250")
        self.assertEqual(self.send(b"bob@branch.example")[:3], b"550")

    def test_aliases(self) -> None:
        """An alias that leads there is no error, whether the file is there or not."""
        aliases = self.site.folder / "aliases"
        aliases.write_text("sales: bob@branch.example\n")
        text = (
            '[local]\ndomains = ["x.example", "lookup:quick"]\n'
            f'[aliases]\nfiles = ["{aliases.absolute()}"]\n'
        )
        self.start(**self.values(text))
        self.assertEqual(self.send(b"sales@x.example")[:3], b"250")
        self.quick.unlink()
        self.site.reactor.pump([1.0, 1.0, 1.0])
        self.assertEqual(self.send(b"sales@x.example")[:9], b"451 4.4.3")


class LMDBTests(ListTestCase):
    """The first example of the page: domains that we relay, in LMDB."""

    def setUp(self) -> None:
        """A file is looked at each time: all of this happens in a millisecond."""
        super().setUp()
        self.patch(lmdbtable, "SAME_SECONDS", 0.0)

    def write(self, name: str, domains: Iterable[bytes]) -> Path:
        """A file with domains."""
        path = self.site.folder / name
        with lmdb.open(str(path), subdir=False) as environment:
            with environment.begin(write=True) as transaction:
                for each in domains:
                    transaction.put(each, b"1")
        return path

    def test_domainsInLMDB(self) -> None:
        """
        A message is relayed because its domain is in the file, and refused once
        another file is in its place; without one it is put off.
        """
        server = self.serve()
        file = self.write("domains.mdb", [b"branch.example"])
        text = snippets()[0].replace("domains.mdb", str(file.absolute()))
        self.start(**dict(parseDocument(text, "page", Path()).values))
        self.assertEqual(self.send(b"x@Branch.example")[:3], b"250")
        self.assertEqual(self.taken(server), [(b"a@b.example", [b"x@Branch.example"])])
        other = self.send(b"x@other.example")
        self.assertEqual(other, b"550 5.7.1 Relaying not permitted\r\n")
        os.replace(self.write("new.mdb", [b"other.example"]), file)
        said = self.send(b"x@branch.example")
        self.assertEqual(said, b"550 5.7.1 Relaying not permitted\r\n")
        file.unlink()
        said = self.send(b"x@branch.example")
        text = "It cannot be looked up now whether mail is taken"
        self.assertEqual(said, f"451 4.4.3 {text}\r\n".encode())
        self.assertEqual(len(server.messages), 1)

    def test_messagesWait(self) -> None:
        """What was taken waits where nobody can tell any more whither it goes."""
        file = self.write("domains.mdb", [b"branch.example"])
        text = snippets()[0].replace("domains.mdb", str(file.absolute()))
        self.start(**dict(parseDocument(text, "page", Path()).values))
        # Nobody listens yet.
        self.assertEqual(self.send(b"x@branch.example")[:3], b"250")
        (spool,) = self.site.spools
        self.assertEqual(len(spool.kept), 1)
        server = self.serve()
        file.unlink()
        self.site.reactor.pump([60.0] * 30)
        self.network.run()
        self.assertEqual((len(spool.kept), len(server.messages)), (1, 0))
        self.write("domains.mdb", [b"branch.example"])
        for _ in range(200):
            self.site.reactor.advance(60.0)
            self.network.run()
        self.assertEqual((len(spool.kept), len(server.messages)), (0, 1))
