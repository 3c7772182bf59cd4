"""
Tests for L{smtpx.commands.sendmailoptions}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from smtpx.commands.sendmailoptions import (
    OPTIONS,
    BadUsage,
    Invocation,
    Mode,
    helpLines,
    readInvocation,
)


class InvocationTests(SynchronousTestCase):
    """Command lines as programs write them."""

    def read(self, words: str) -> Invocation:
        """Read a line."""
        return readInvocation(words.split())

    def wrong(self, words: str) -> str:
        """What is wrong with one."""
        return str(self.assertRaises(BadUsage, self.read, words))

    def test_programs(self) -> None:
        """Letters together, arguments behind them or in the next word."""
        plain = Invocation(recipients=["root"])
        for line, expected in (
            ("root", plain),
            ("-- root", plain),
            ("-oem -odq -om -em -dX -n -m -v -G -U -Ac -B8BITMIME -h 3 root", plain),
            ("-L tag -X /dev/null -p ESMTP:x -O DeliveryMode=b root", plain),
            ("-bm -t", Invocation(fromHeader=True)),
            ("-ti", Invocation(fromHeader=True, dots=True)),
            ("-toi", Invocation(fromHeader=True, dots=True)),
            ("-tifann", Invocation(fromHeader=True, dots=True, sender="ann")),
            (
                "-r ann -F Ann b c",
                Invocation(sender="ann", fullName="Ann", recipients=["b", "c"]),
            ),
            ("-f <> x", Invocation(sender="<>", recipients=["x"])),
            ("-bs", Invocation(Mode.SMTP)),
            ("-b p", Invocation(Mode.LIST)),
            ("-bi", Invocation(Mode.ALIASES)),
            ("-I", Invocation(Mode.ALIASES)),
            ("-q", Invocation(Mode.RETRY)),
            ("-qRexample.org", Invocation(Mode.RETRY, which="Rexample.org")),
            (
                "-N never -R full -V x",
                Invocation(notify="never", returned="full", envelopeID="x"),
            ),
            ("-C a.toml", Invocation(config="a.toml")),
            ("--config a.toml", Invocation(config="a.toml")),
            ("--config=a.toml", Invocation(config="a.toml")),
            ("--help", Invocation(Mode.HELP)),
            ("--version", Invocation(Mode.VERSION)),
        ):
            self.assertEqual(self.read(line), expected, line)

    def test_wrongOnes(self) -> None:
        """Each says what is wrong."""
        for line, why in (
            ("-z", "there is no option -z"),
            ("--wat", "there is no option --wat"),
            ("-f", "-f wants an argument"),
            ("--config", "--config wants an argument"),
            ("-bd", "-bd is not done here: the server is started by 'twistd smtpx'"),
            ("-bt", "'smtpx address test'"),
            ("-bx", "there is no option -bx"),
            ("-bq", "there is no option -bq"),
            ("-q15m", "tries again by itself"),
            ("-qR", "-qR wants an argument"),
            ("root -v", "options stand before addresses"),
        ):
            self.assertIn(why, self.wrong(line))

    def test_help(self) -> None:
        """Every option is there, and no line too long."""
        lines = list(helpLines("sendmail"))
        text = "\n".join(lines)
        text = " ".join(text.split())
        self.assertEqual([each for each in OPTIONS if each.spelling not in text], [])
        self.assertEqual([line for line in lines if len(line) > 80], [])
