"""Tests for L{smtpx.queue.commandline}."""

from __future__ import annotations

import os

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.core.envelope import Envelope, Recipient
from smtpx.core.errors import UsageError
from smtpx.core.queueprofile import ORIGIN
from smtpx.queue.commandline import PATH, Case, CommandLine, Unfit


def caseFor(
    *paths: bytes, sender: bytes = b"s@client.example", again: bool = False
) -> Case:
    """What is filled in for recipients."""
    envelope = Envelope(sender, 0.0, [Recipient(path) for path in paths])
    return Case(envelope, range(len(paths)), "1vMxyz-0000", again)


class ArgumentsTests(SynchronousTestCase):
    """A command and its arguments."""

    def arguments(self, *words: str, case: Case) -> tuple[bytes, ...]:
        """What is run, without the program."""
        return CommandLine(("/bin/x", *words)).arguments(case)[1:]

    def test_partsOfTheAddress(self) -> None:
        """Each blank stands for a part, in the letters that it came in."""
        case = caseFor(b"Ann+Lists@Example.ORG")
        for word, argument in {
            "{local}": b"Ann+Lists",
            "{user}": b"Ann",
            "{tag}": b"Lists",
            "{domain}": b"example.org",
            "{address}": b"Ann+Lists@Example.ORG",
            "{original}": b"Ann+Lists@Example.ORG",
            "{sender}": b"s@client.example",
            "{id}": b"1vMxyz-0000",
            "{recipients}": b"Ann+Lists@Example.ORG",
            "plain": b"plain",
            "": b"",
            "{{x}}": b"{x}",
            "to={user}@{domain};": b"to=Ann@example.org;",
        }.items():
            self.assertEqual(self.arguments(word, case=case), (argument,), word)

    def test_noTagNoDomainNoSender(self) -> None:
        """What is not there is empty, and still an argument."""
        case = caseFor(b"Postmaster", sender=b"")
        words = ("{tag}", "{domain}", "{sender}", "{address}")
        self.assertEqual(
            self.arguments(*words, case=case), (b"", b"localhost", b"", b"Postmaster")
        )

    def test_beyondASCII(self) -> None:
        """A domain is in the form that the DNS has, the rest as it is."""
        case = caseFor("jörg@bücher.example".encode())
        self.assertEqual(
            self.arguments("{user}", "{domain}", "ü{user}", case=case),
            ("jörg".encode(), b"xn--bcher-kva.example", "üjörg".encode()),
        )

    def test_whatAnAliasDid(self) -> None:
        """The address that the client gave is another one then."""
        case = caseFor(b"ann@x")
        case.envelope.recipients[0].stamps[ORIGIN] = b"sales@x"
        self.assertEqual(
            self.arguments("{original}", "{address}", case=case), (b"sales@x", b"ann@x")
        )

    def test_oneArgumentStaysOne(self) -> None:
        """Nothing that a stranger wrote is split, or means anything."""
        local = b"a b';rm -rf $(x) `y` | \\z *"
        case = caseFor(b'"a b\';rm -rf $(x) `y` | \\\\z *"@x')
        self.assertEqual(self.arguments("{local}", "-", case=case), (local, b"-"))

    def test_braceInAnAddress(self) -> None:
        """What was filled in is not looked at for blanks again."""
        case = caseFor(b"{sender}@x")
        self.assertEqual(self.arguments("{local}", case=case), (b"{sender}",))

    def test_takenForAnOption(self) -> None:
        """An address that would be an option is not run with."""
        case = caseFor(b"-oQ/x@x")
        for words in (
            ["{local}"],
            ["{tag}{local}"],
            ["{recipients}"],
            ["--a", "{user}"],
        ):
            error = self.assertRaises(Unfit, self.arguments, *words, case=case)
            self.assertIn("could be taken for an option", str(error))
            self.assertEqual(error.reply.status, (5, 1, 3))
        case = caseFor(b"ann@x", sender=b"-f@x")
        error = self.assertRaises(Unfit, self.arguments, "{sender}", case=case)
        self.assertEqual(error.reply.status, (5, 1, 7))

    def test_notTakenForAnOption(self) -> None:
        """Behind text of the configuration, or "--", it is none."""
        case = caseFor(b"-oQ/x@x")
        self.assertEqual(self.arguments("u={local}", case=case), (b"u=-oQ/x",))
        self.assertEqual(
            self.arguments("--", "{local}", "{recipients}", case=case),
            (b"--", b"-oQ/x", b"-oQ/x@x"),
        )

    def test_severalRecipients(self) -> None:
        """Each is an argument of its own; only those of the run are."""
        command = CommandLine(("/bin/x", "-r", "{recipients}", "{id}"), several=True)
        case = caseFor(b"a@x", b"b@x", b"c@x")
        self.assertEqual(
            command.arguments(Case(case.envelope, (0, 2), "id")),
            (b"/bin/x", b"-r", b"a@x", b"c@x", b"id"),
        )

    def test_NUL(self) -> None:
        """The grammar of SMTP has none; what gets here all the same is not run with."""
        error = self.assertRaises(
            Unfit, self.arguments, "x{local}", case=caseFor(b"a\0b@x")
        )
        self.assertEqual(error.reply.code, 550)

    @given(
        st.lists(
            st.sampled_from(["{local}", "{user}", "{tag}", "{sender}", "x", " ", "-"]),
            max_size=6,
        ).map("".join),
        st.binary(max_size=30),
        st.binary(max_size=30),
    )
    @settings(max_examples=100, deadline=None)
    def test_anyAddress(self, word: str, local: bytes, sender: bytes) -> None:
        """
        One word is one argument, with what is filled in as it is; and where it begins
        with a dash, the configuration says so.
        """
        quoted = local.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        case = caseFor(b'"%b"@x' % quoted, sender=sender)
        user, plus, tag = local.partition(b"+")
        if plus and not user:
            user, tag = local, b""
            at = local.find(b"+", 1)
            if at > 0:
                user, tag = local[:at], local[at + 1 :]
        expected = word.encode()
        parts = {b"{local}": local, b"{user}": user, b"{tag}": tag, b"{sender}": sender}
        filled = b""
        rest = expected
        ours = True
        while rest:
            for blank, value in parts.items():
                if rest.startswith(blank):
                    if not filled and value:
                        ours = False
                    filled, rest = filled + value, rest[len(blank) :]
                    break
            else:
                filled, rest = filled + rest[:1], rest[1:]
        try:
            command = CommandLine(("/bin/x", word))
        except UsageError:
            # An option alone is refused at the start.
            return
        try:
            [_, argument] = command.arguments(case)
        except Unfit:
            self.assertTrue(b"\0" in filled or filled[:1] == b"-" and not ours)
        else:
            self.assertEqual(argument, filled)
            self.assertNotIn(b"\0", argument)
            self.assertTrue(argument[:1] != b"-" or ours)


class UselessTests(SynchronousTestCase):
    """Commands that cannot be run."""

    def refused(self, *words: str, several: bool = False) -> str:
        """Why."""
        error = self.assertRaises(UsageError, CommandLine, words, several=several)
        return str(error)

    def test_program(self) -> None:
        """It is a path, and the same for every message."""
        self.assertEqual(self.refused(), "there is no command")
        self.assertEqual(self.refused(""), "there is no command")
        self.assertEqual(
            self.refused("procmail"), '"procmail" has to be a path from the root on'
        )
        self.assertIn("is none of", self.refused("/bin/{local}"))
        self.assertEqual(CommandLine(("/bin/{{x}}",)).program, "/bin/{x}")

    def test_arguments(self) -> None:
        """What is wrong with a blank is told."""
        self.assertIn(
            '"{name}" is none of {sender}, {id}', self.refused("/x", "{name}")
        )
        self.assertIn("is arguments of their own", self.refused("/x", "a{recipients}"))
        self.assertIn("there is a NUL", self.refused("/x", "a\0"))
        self.assertIn(
            "not the same for several recipients; {recipients} is all of them",
            self.refused("/x", "{user}", several=True),
        )

    def test_optionThatMayBeAlone(self) -> None:
        """Mail of the null sender would make the next word its value."""
        for word in ("-f{sender}", "-f{tag}{sender}"):
            self.assertEqual(
                self.refused("/x", word),
                f'"{word}" is "-f" alone where there is none; make two arguments of it',
            )
        for word in (
            "-f{local}",
            "-f{sender}.",
            "--from={sender}",
            "-f",
            "-f{user}{tag}",
        ):
            CommandLine(("/x", word))

    def test_variables(self) -> None:
        """Each has a name of its own, and a value."""
        for variable, text in [
            ("NAME", 'expected NAME=value, got "NAME"'),
            ("=x", 'expected NAME=value, got "=x"'),
            ("9A=x", 'expected NAME=value, got "9A=x"'),
            ("A\n=x", 'expected NAME=value, got "A\n=x"'),
            ("A={recipients}", None),
            ("A={none}", None),
        ]:
            error = self.assertRaises(UsageError, CommandLine, ("/x",), (variable,))
            if text is not None:
                self.assertEqual(str(error), text)
        error = self.assertRaises(UsageError, CommandLine, ("/x",), ("A=1", "A=2"))
        self.assertEqual(str(error), "A is there twice")


class EnvironmentTests(SynchronousTestCase):
    """What a command is told besides."""

    def setUp(self) -> None:
        """The server has an environment of its own."""
        self.patch(os, "environ", {"TZ": "Europe/Berlin", "SECRET": "x"})

    def test_ofOne(self) -> None:
        """The variables that Exim and Postfix have, and none of the server's."""
        command = CommandLine(("/bin/x",))
        self.assertEqual(
            command.environment(caseFor(b"Ann+a@X.example")),
            {
                b"PATH": PATH.encode(),
                b"SHELL": b"/bin/sh",
                b"TZ": b"Europe/Berlin",
                b"MESSAGE_ID": b"1vMxyz-0000",
                b"SENDER": b"s@client.example",
                b"RECIPIENT": b"Ann+a@X.example",
                b"ORIGINAL_RECIPIENT": b"Ann+a@X.example",
                b"LOCAL_PART": b"Ann+a",
                b"EXTENSION": b"a",
                b"DOMAIN": b"x.example",
            },
        )

    def test_ofSeveral(self) -> None:
        """What is of one recipient is not there for several."""
        command = CommandLine(("/bin/x",), several=True)
        found = command.environment(caseFor(b"a@x", b"b@x", sender=b""))
        self.assertEqual(found[b"SENDER"], b"")
        self.assertNotIn(b"RECIPIENT", found)

    def test_again(self) -> None:
        """A message that may come for the second time is marked."""
        command = CommandLine(("/bin/x",))
        self.assertEqual(
            command.environment(caseFor(b"a@x", again=True))[b"AGAIN"], b"1"
        )
        self.assertNotIn(b"AGAIN", command.environment(caseFor(b"a@x")))

    def test_ofTheConfiguration(self) -> None:
        """More of them, with blanks, also in the place of ours."""
        command = CommandLine(("/bin/x",), ("PATH=/usr/games", "BOX=in/{user}=1"))
        found = command.environment(caseFor(b"ann@x"))
        self.assertEqual(found[b"PATH"], b"/usr/games")
        self.assertEqual(found[b"BOX"], b"in/ann=1")

    def test_NUL(self) -> None:
        """It would end the value."""
        command = CommandLine(("/bin/x",))
        self.assertRaises(Unfit, command.environment, caseFor(b"a\0@x"))
