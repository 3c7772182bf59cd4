"""Tests for L{smtpx.service.boundcautions}."""

from __future__ import annotations

from tests.shortpaths import shortFolder

from .test_cautions import CautionsCase

CHECKER = "[[checker]]\nname = 'virus'\nkind = 'clamd'\naddress = '/run/clamd'\n"


class BoundCautionsTests(CautionsCase):
    """What an operator is told of bounds that are smaller than the workers are many."""

    def warned(self, text: str) -> list[str]:
        """What it is told of bounds."""
        # Workers have sockets there.
        text = f"state = '{shortFolder(self)}'\n{text}"
        return [each for each in self.told(text) if "workers may have one" in each]

    def test_fewerThanWorkers(self) -> None:
        """Each worker has one, and that is more than was wanted."""
        [line] = self.warned("workers = 4\n[relay]\nrecipients_at_once = 3\n")
        self.assertIn("relay.recipients_at_once: each of 4 workers", line)
        self.assertIn("up to 4, not 3", line)

    def test_oneOfSeveral(self) -> None:
        """Tables that there are several of are told by their place."""
        [line] = self.warned("workers = 2\n" + CHECKER + "at_once_max = 1\n")
        self.assertIn("checker[0].at_once_max", line.replace("checker.0", "checker[0]"))

    def test_enough(self) -> None:
        """Nothing is told where there is enough for all, or one worker, or none."""
        for text in (
            "workers = 3\n[relay]\nrecipients_at_once = 3\n",
            "[relay]\nrecipients_at_once = 1\n",
            "workers = 3\n[dns]\ncache_max = 0\n",
        ):
            self.assertEqual(self.warned(text), [])
