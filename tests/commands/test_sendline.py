"""
Tests for L{smtpx.commands.sendline}: command lines that make no sense.
"""

from __future__ import annotations

from smtpx.commands.sendline import Server

from .sendcases import HERE, TO, SendTestCase


class LineTests(SendTestCase):
    """Command lines that make no sense."""

    def test_wrong(self) -> None:
        """They are told before anything is done."""
        for arguments, told in (
            ((), "to whom?"),
            (("bob@x.example",), "a recipient stands behind --to"),
            (("--to", "a@b", "x"), 'what is "x"?'),
            ((*HERE, "--route"), "--server and --route do not go together"),
            ((*HERE, "-4", "-6"), "--ipv4 and --ipv6 do not go together"),
            ((*TO, "--config", "x"), "--config needs --route"),
            ((*HERE, "--key", "x"), "--key needs --cert"),
            ((*HERE, "--password-file", "x"), "--password-file needs --user"),
            ((*TO, "--user", "x"), "a login is not for strangers"),
            ((*TO, "--implicit-tls"), "--implicit-tls needs --server"),
            ((*TO, "--lmtp"), "--lmtp needs --server"),
            ((*HERE, "--socket", "x"), "--server and --socket do not go together"),
            ((*HERE, "-d", "x", "--subject", "y"), "are for the test message"),
            ((*HERE, "-t", "x@y", "--orcpt", "y"), "--orcpt is for one recipient"),
            (
                (*HERE, "--tls", "verifid"),
                'no --tls "verifid"; did you mean "verified"',
            ),
            ((*HERE, "--quit-after", "x"), "ehlo, tls, auth, mail, rcpt"),
            ((*HERE, "--mechanism", "x"), 'there is no --mechanism "X"'),
            ((*HERE, "--count", "0"), "--count wants 1 to 100000"),
            ((*HERE, "--priority", "10"), "--priority wants -9 to 9"),
            ((*HERE, "--timeout", "x"), "--timeout wants 1 to 86400"),
            ((*HERE, "--helo", "a b"), '--helo wants a host name, not "a b"'),
            ((*HERE, "--source", "x"), '--source wants an IP address, not "x"'),
            ((*HERE, "--header", "x"), '--header wants "Name: value", not "x"'),
            ((*HERE, "--mail-parameter", "="), "--mail-parameter wants KEYWORD"),
            (
                (*HERE, "--tls", "unwanted", "--quit-after", "tls"),
                "--quit-after tls wants TLS",
            ),
        ):
            ran = self.send(*arguments)
            self.assertEqual(ran.status, 2, arguments)
            self.assertIn(told, ran.err)

    def test_servers(self) -> None:
        """What stands for a host, and what does not."""
        parse = Server.parse
        for text, host, port in (
            ("mx.example", "mx.example", None),
            ("mx.example:26", "mx.example", 26),
            ("2001:db8::1", "2001:db8::1", None),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("[2001:db8::1]:26", "2001:db8::1", 26),
        ):
            self.assertEqual(parse(text), Server(host, port))
        for text in (
            "",
            ":25",
            "mx:",
            "mx:x",
            "mx:70000",
            "a:b:c",
            "[x",
            "[::1]x",
            "[::1]:",
        ):
            ran = self.send("--server", text, *TO)
            if text:
                self.assertEqual(ran.status, 2, text)
