"""
Tests for L{smtpx.service.check}.
"""

from __future__ import annotations

import os
import sys

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.errors import UsageError
from smtpx.core.interfaces import IExtension
from smtpx.service import check as checked
from smtpx.service.check import check, explain
from smtpx.service.config import readConfiguration
from smtpx.service.places import whoIsThis
from smtpx.service.problems import ConfigurationError
from smtpx.tls.authority import ensureCertificate

from .made import FOUND, NOW, site
from .test_receiving import Tracing

#: What may be done where no route takes mail.
_ADVICE = ": have one match it, or name the domains that are yours without it"


class CheckTests(SynchronousTestCase):
    """What is wrong with configurations that can be read."""

    def setUp(self) -> None:
        """A machine, and a file in its folder."""
        self.site = site(self.mktemp())
        self.file = self.site.folder / "x.toml"

    def check(self, text: str, found: dict[str, IExtension] = FOUND) -> list[str]:
        """The problems, without the file's name."""
        self.file.write_text(text)
        configuration = readConfiguration(self.file, found)
        problems = check(self.site.machine, configuration, found)
        return [str(each).removeprefix(str(self.file)) for each in problems]

    def test_nothing(self) -> None:
        """The first start is in order, and a check leaves nothing behind."""
        self.assertEqual(self.check(""), [])
        self.assertEqual(os.listdir(self.site.folder), ["x.toml"])

    def test_authoritiesOfWebServers(self) -> None:
        """A file of those whose certificates are believed of web servers is read."""
        [problem] = self.check("[sending]\nmta_sts_verify_certificates = 'no.pem'\n")
        self.assertTrue(problem.startswith(":2: sending.mta_sts_verify_certificates: "))

    def test_endpoint(self) -> None:
        """An endpoint that is none is found."""
        [problem] = self.check("[[listener]]\nendpoint = 'odd:1'")
        self.assertTrue(
            problem.startswith(":2: listener[0].endpoint: ValueError: Unknown endpoint")
        )

    def test_portThatTwoHave(self) -> None:
        """One port is for one listener, or for the site."""
        listeners = (
            "[[listener]]\nport = 25\n"
            "[[listener]]\nport = 25\naddress = '127.0.0.1'\n"
            "[[listener]]\nport = 587\naddress = '127.0.0.1'\n"
            "[[listener]]\nport = 587\naddress = '127.0.0.2'\n"
            "[[listener]]\nport = 25\naddress = '::'\n"
            "[[listener]]\nport = 0\n[[listener]]\nport = 0\n"
        )
        self.assertEqual(
            self.check(listeners + "[http]\nport = 587\n"),
            [
                ":4: listener[1].port: listener[0] listens at this port already",
                ":20: http.port: listener[2] listens at this port already",
            ],
        )

    def test_portOfTheSite(self) -> None:
        """It is taken when the server is a user that may not take every port."""
        asked: list[tuple[str, int]] = []

        def refuse(address: str, port: int) -> bool:
            asked.append((address, port))
            return False

        self.site = evolve(
            self.site, machine=evolve(self.site.machine, mayListen=refuse)
        )
        self.assertEqual(
            self.check("[http]\nport = 80\n"),
            [f":2: http.port: {whoIsThis()} may not listen at port 80"],
        )
        self.assertEqual(self.check("[http]\nendpoint = 'tcp:80'\n"), [])
        self.assertEqual(asked, [("127.0.0.1", 80)])

    def test_certificates(self) -> None:
        """Files without a certificate are found, and good ones are not."""
        files = ensureCertificate(self.site.folder, ["x.example"], NOW)
        self.assertEqual(
            self.check(
                "[tls]\ncertificates = [\n"
                f"{{ certificate = '{files.chain.name}', key = 'key.pem' }},\n"
                "{ certificate = 'none.pem', key = 'key.pem' }]"
            ),
            [
                f":4: tls.certificates[1]: {self.site.folder}/none.pem:"
                " No such file or directory"
            ],
        )

    def test_clientAuthorities(self) -> None:
        """A file of authorities is looked at once, and a good one is taken."""
        files = ensureCertificate(self.site.folder, ["x.example"], NOW)
        pair = f"{{ certificate = '{files.chain.name}', key = 'key.pem' }}"
        for name, problems in (
            ("ca.pem", []),
            (
                "none.pem",
                [
                    f":4: tls.client_authorities: {self.site.folder}/none.pem:"
                    " No such file or directory"
                ],
            ),
        ):
            text = f"[tls]\ncertificates = [{pair},\n{pair}]\n"
            text += f"client_authorities = '{name}'\n"
            text += "[relay]\ncertificates = ['CN=a.example']\n"
            self.assertEqual(self.check(text), problems)

    def test_relayWithoutAuthorities(self) -> None:
        """Certificates can permit nothing while nobody is asked for one."""
        self.assertEqual(
            self.check("[relay]\nhosts = ['*']\ncertificates = ['CN=a.example']"),
            [
                ":3: relay.certificates: no client is asked for a certificate;"
                " tls.client_authorities has to name who signs them"
            ],
        )

    def test_folders(self) -> None:
        """Folders that are not there are found."""
        self.file.write_text("")
        self.assertEqual(
            self.check(
                "state = 'x.toml/state'\npython_path = ['lib']\n"
                "[log]\nmain = 'x.toml/log'\njson = 'no/log'\n"
            ),
            [
                ":2: python_path[0]: there is no such folder",
                f":1: state: {self.file} is not a folder",
                f":4: log.main: {self.file} cannot be written to by {whoIsThis()}",
                f":5: log.json: there is no folder {self.site.folder}/no",
            ],
        )

    def test_local(self) -> None:
        """Domains and addresses that are none are found."""
        [problem] = self.check("[local]\ndomains = ['a..b']")
        self.assertTrue(problem.startswith(':1: local: "a..b"'), problem)

    def test_routes(self) -> None:
        """A pattern or path that is none is found, with the line of its route."""
        problems = self.check(
            "[[route]]\nmatch = ['@']\n[[route]]\nmatch = ['*']\npath = '{who}'\n"
        )
        self.assertEqual(len(problems), 2)
        self.assertTrue(problems[0].startswith(':1: route[0]: "@"'), problems)
        self.assertTrue(problems[1].startswith(":3: route[1]: "), problems)

    def test_routesInConflict(self) -> None:
        """Two routes for one thing are found, with the line of the second."""
        self.assertEqual(
            self.check("[[route]]\nmatch = ['*']\n[[route]]\nmatch = ['*']\n"),
            [':3: route[1]: "*" has two routes'],
        )

    def test_noRoute(self) -> None:
        """Domains of ours that no route takes mail for are found."""
        self.assertEqual(
            self.check(
                "[local]\ndomains = [\n'a.example',\n'*.b.example',\n'c.example']\n"
                "[[route]]\nmatch = ['a.example']\n"
            ),
            [
                ":6: route: no route takes mail for the postmaster of mx.example.org",
                ":5: local.domains[2]: no route takes mail for c.example" + _ADVICE,
            ],
        )

    def test_trace(self) -> None:
        """A recipient that is no address, and a folder that cannot be made."""
        [problem] = self.check("[trace]\nrecipients = ['bob@', 'ann@example.org']")
        self.assertIn("trace.recipients", problem)
        self.assertIn('"bob@"', problem)
        (self.site.folder / "file").write_text("")
        [problem] = self.check("[trace]\nhosts = ['*']\nfolder = 'file/trace'")
        self.assertIn("trace.folder", problem)

    def test_virtual(self) -> None:
        """Virtual domains are looked at like others."""
        self.assertEqual(
            self.check(
                "[[local.virtual]]\ndomains = ['a.example', 'b.example']\n"
                "[[route]]\nmatch = ['localhost', 'mx.example.org', 'a.example']\n"
            ),
            [
                ":2: local.virtual[0].domains[1]: no route takes mail for b.example"
                + _ADVICE,
            ],
        )
        [problem] = self.check(
            "[[local.virtual]]\ndomains = ['a.example']\naddresses = ['x@b.example']"
        )
        self.assertIn('local: "x@b.example" is not at any of a.example', problem)
        for bad, why in (
            (
                "tag_separators = 'x'",
                ":2: local.tag_separators: expected signs such as",
            ),
            (
                "[[local.virtual]]\ndomains = []",
                ":2: local.virtual[0]: virtual domains",
            ),
        ):
            error = self.assertRaises(ConfigurationError, self.check, f"[local]\n{bad}")
            self.assertIn(why, str(error))

    def test_aliases(self) -> None:
        """Everything that is wrong with aliases is found, each at its own place."""
        file = self.site.folder / "aliases"
        file.write_text("sales: bob\ninfo: |cat\n")
        self.assertEqual(
            self.check("[aliases]\nfiles = ['aliases', 'no']\n"),
            [
                f"{file}:2: info: an alias cannot run a program (|cat)",
                f":2: aliases.files[1]: {self.site.folder / 'no'}: cannot be read:"
                " No such file or directory",
            ],
        )
        file.write_text("sales: bobb\n@old.example: ann\n")
        problems = self.check(
            "[local]\ndomains = ['a.example', 'old.exmaple']\nunknown = 'refuse'\n"
            "addresses = ['bob@a.example']\n"
            "[aliases]\nfiles = ['aliases']\n[aliases.entries]\nroot = ['roof']\n"
        )
        nobody = "there is no such recipient here"
        self.assertEqual(
            problems,
            [
                f":8: root: {nobody}: roof@a.example",
                f"{file}:1: sales: {nobody}: bobb@a.example; did you mean"
                ' "bob@a.example"?',
                f"{file}:2: @old.example: old.example is no domain of ours; did you"
                ' mean "old.exmaple"?',
            ],
        )
        problems = self.check("[aliases.entries]\nroot = ['|cat']\nx = ['a b']\n")
        self.assertEqual(
            problems,
            [
                ":2: root: an alias cannot run a program (|cat)",
                ':3: x: "a" wants a comma behind it',
            ],
        )

    def test_aliasesInPlaceOfRoutes(self) -> None:
        """A domain whose mail goes to another needs no route."""
        text = (
            "[local]\ndomains = ['a.example', 'old.example']\n"
            "[[route]]\nmatch = ['a.example', 'mx.example.org']\n"
        )
        self.assertEqual(
            self.check(text),
            [":2: local.domains[1]: no route takes mail for old.example" + _ADVICE],
        )
        more = "[aliases.entries]\n'@old.example' = ['@a.example']\n"
        self.assertEqual(self.check(text + more), [])

    def test_usersFile(self) -> None:
        """A users file that is none is named with its line."""
        users = self.site.folder / "users"
        users.write_text("joe:secret\n")
        self.assertEqual(
            self.check("[users]\nfile = 'users'"),
            [f"{users}:1: not a users file, or one of another version"],
        )

    def test_usersFileThatCannotBeRead(self) -> None:
        """A users file that cannot be read is found."""
        [problem] = self.check("[users]\nfile = '.'")
        self.assertIn(":2: users.file: [Errno 21] Is a directory", problem)

    def test_logins(self) -> None:
        """What is to check passwords, tokens and certificates, and cannot."""
        self.assertEqual(
            self.check(
                "[users]\npam = 'smtpx-no-such'\ntoken_validator = 'json:x'\n"
                "[users.certificates]\n'CN=joe' = 'joe'"
            ),
            [
                ":2: users.pam: PAM has no service smtpx-no-such: there is no"
                " /etc/pam.d/smtpx-no-such",
                ":3: users.token_validator: ImportError: json has no x",
                ":4: users.certificates: no client is asked for a certificate;"
                " tls.client_authorities has to name who signs them",
            ],
        )

    def test_withoutTheLibrary(self) -> None:
        """PAM is an extra."""

        def missing() -> None:
            raise UsageError("not installed")

        self.patch(checked, "loadPAM", missing)
        self.patch(checked, "findService", lambda service: None)
        self.assertEqual(
            self.check("[users]\npam = 'smtpx'"), [":2: users.pam: not installed"]
        )

    def test_dovecot(self) -> None:
        """A Dovecot that is not there is nothing that a start stumbles over."""
        self.assertEqual(self.check("[users]\ndovecot = '/no/such'"), [])

    def test_python(self) -> None:
        """Objects that cannot be had are found, whatever is wrong with them."""
        self.patch(sys, "path", list(sys.path))
        module = self.site.folder / "smtpx_test_broken.py"
        module.write_text("1 / 0\n")
        self.assertEqual(
            self.check(
                "python_path = ['.']\n"
                "[users]\npython = 'json:__name__'\n"
                "[policy]\npython = ['json:loads', 'json:x', 'smtpx_test_broken:x']"
            ),
            [
                ":3: users.python: json:__name__ is not callable",
                ":5: policy.python[1]: ImportError: json has no x",
                ":5: policy.python[2]: ZeroDivisionError: division by zero",
            ],
        )

    def test_owners(self) -> None:
        """A file of owners with a fault has its line; what is called can be."""
        file = self.site.folder / "owners"
        text = f"[local]\nowners_since_file = '{file}'\nowners_python = 'json:__name__'"
        missing, python = self.check(text)
        self.assertIn(":2: local.owners_since_file: ", missing)
        self.assertEqual(
            python, ":3: local.owners_python: json:__name__ is not callable"
        )
        file.write_text("ann@localhost\n")
        problem, _ = self.check(text)
        self.assertEqual(
            problem, f"{file}:1: expected an address or a domain, and a time"
        )

    def test_extensions(self) -> None:
        """Extensions that do not go together are found."""

        class Rival(Tracing):
            """Claims somebody else's word."""

            name = "RIVAL"

            def extendServer(self, server: object) -> None:
                """Claim it."""
                FOUND["SIZE"].extendServer(server)  # type: ignore[attr-defined]  # it has

        self.assertEqual(
            self.check("", FOUND | {"RIVAL": Rival(True)}),
            [": extensions: SIZE and RIVAL both claim capability SIZE"],
        )


class ExplainTests(SynchronousTestCase):
    """The hooks in words."""

    def test_explained(self) -> None:
        """Hooks are listed for server, client and queue, with their owners."""
        configuration = readConfiguration(
            {"extensions": {"enable": ["SIZE", "DSN"]}}, FOUND
        )
        lines = list(explain(configuration, FOUND))
        self.assertEqual(
            lines[:4],
            [
                "Server:",
                "  SIZE  capability  SIZE",
                "  SIZE  parameter   MAIL SIZE",
                "  DSN   capability  DSN",
            ],
        )
        self.assertIn("Client:", lines)
        self.assertIn("Queue:", lines)
        self.assertFalse([line for line in lines if "STARTTLS" in line])

    def test_submission(self) -> None:
        """Listeners for submission have hooks of their own, and AUTH demands."""
        configuration = readConfiguration(
            {
                "listener": [{"port": 587, "role": "submission"}],
                "extensions": {"enable": ["AUTH", "SIZE"]},
            },
            FOUND,
        )
        lines = list(explain(configuration, FOUND))
        begin, end = lines.index("Submission:"), lines.index("Client:")
        words = [each.split() for each in lines]
        self.assertIn(["AUTH", "gate"], words[begin:end])
        self.assertNotIn(["AUTH", "gate"], words[:begin])

    def test_nothing(self) -> None:
        """Without extensions there is nothing to list."""
        configuration = readConfiguration({"extensions": {"enable": []}}, FOUND)
        self.assertEqual(
            list(explain(configuration, FOUND)), ["Server:", "Client:", "Queue:"]
        )
