"""
Tests for L{smtpx.service.sendingcautions}.
"""

from __future__ import annotations

from .test_cautions import CautionsCase

ROUTE = "[[route]]\nmatch = ['*']\ntransport = 'smtp'\n"
EARLY = "[extensions.PIPECONNECT]\nhosts_pipe_connect = ['*']\n"
TEXT = (
    "nobody is talked to before the greeting (hosts_pipe_connect) over connections"
    " whose address the system chooses, as what the server calls itself depends on it; "
)


class SendingCautionsTests(CautionsCase):
    """What an operator is told of routes that send."""

    def warned(self, text: str) -> list[str]:
        """What it is told of a route."""
        text = ROUTE + text
        return [each for each in self.told(text) if "warning: " in each]

    def test_whoWeAreIsNotKnownBefore(self) -> None:
        """An address that the system chooses is one that is known too late."""
        for name in ("{sending_address}", "{sending_name}"):
            data = f"helo_data = '{name}'\n"
            [line] = self.warned(data + EARLY)
            self.assertIn("x.toml:4: route[0].helo_data: " + TEXT, line)
            self.assertTrue(
                line.endswith("source_ipv4 and source_ipv6 would say which it is")
            )
            self.assertEqual(self.warned(data), [])
        [line] = self.warned(data + "source_ipv4 = '127.0.0.1'\n" + EARLY)
        self.assertIn(TEXT + "source_ipv6 would", line)
        both = "source_ipv4 = '127.0.0.1'\nsource_ipv6 = '::1'\n"
        self.assertEqual(self.warned(data + both + EARLY), [])
        self.assertEqual(self.warned("helo_data = 'x.example'\n" + EARLY), [])

    def test_otherRoutes(self) -> None:
        """Routes that do not send have nothing of it."""
        self.assertEqual(self.warned("[[route]]\nmatch = ['a.example']\n" + EARLY), [])

    def test_notOurAddress(self) -> None:
        """Connections cannot come from an address that this machine does not have."""
        [line] = self.warned("source_ipv4 = '192.0.2.1'\n")
        self.assertIn("route[0].source_ipv4: mail would wait: 192.0.2.1: ", line)
        [line] = self.warned("source_ipv6 = '2001:db8::1'\n")
        self.assertIn("route[0].source_ipv6: mail would wait: 2001:db8::1: ", line)

    def test_wholeMessagesThatStay(self) -> None:
        """Of each thing without which no message rides on a SYN it is told once."""
        fast = "[sending]\nhosts_try_fastopen = ['*']\nhosts_whole_in_syn = ['*']\n"
        named = "[extensions.CHECKPOINT]\nhosts_try_checkpoint = ['*']\n"
        self.assertEqual(self.warned(fast + named + EARLY), [])
        [line] = self.warned(fast + EARLY)
        self.assertIn("sending.hosts_whole_in_syn: no message leaves", line)
        self.assertIn("hosts_try_checkpoint of CHECKPOINT names no hosts", line)
        [line] = self.warned(fast + named)
        self.assertIn("hosts_pipe_connect of PIPECONNECT names no hosts", line)
        self.assertEqual(len(self.warned(fast)), 2)
