"""
Peers' words on a line of the log.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies
from twisted.trial.unittest import SynchronousTestCase

from smtpx.observe import harmless
from smtpx.observe.deliverylines import _confirmed
from smtpx.observe.harmless import answer, decoded, line, text, visible, word

#: Mostly harmless.
_SAID = strategies.lists(
    strategies.sampled_from(
        [b"a", b"@", b" ", b"=", b"id=", b" id=", b"H=", b"d=", b"\\", b'"', b"\r\n"]
        + [b"\x7f", b"\x00", b"\xff", "ö".encode(), b"250 2.0.0 OK"]
    )
).map(b"".join)


class HarmlessTests(SynchronousTestCase):
    """Nobody begins a line or a field of ours."""

    def test_ordinaryWordsStay(self) -> None:
        """An address and a host name are shown as they are."""
        self.assertEqual(word(b"ann+x@example.org"), "ann+x@example.org")
        self.assertEqual(text(b"550 5.7.1 No, thanks"), "550 5.7.1 No, thanks")

    def test_controlsSpacesAndTheRestAreEscaped(self) -> None:
        """Line ends, spaces, 8 bit and backslashes get a visible form."""
        self.assertEqual(word(b"a\r\nb c\x00\xff\\"), r"a\x0d\x0ab\x20c\x00\xff\\")
        self.assertEqual(text("a\tb \u2028\U0001f600"), r"a\x09b \u2028\U0001f600")

    def test_everyOctet(self) -> None:
        """Each octet, by itself and in a word, is shown as if it had come as text."""
        for code in range(256):
            said = bytes([code])
            self.assertEqual(word(said), word(chr(code)))
            self.assertEqual(word(b"x" + said), word("x" + chr(code)))

    def test_nobodyLooksLikeAField(self) -> None:
        """Behind a field's name, and only there, an equals sign is escaped."""
        self.assertEqual(word(b"H=evil@example.org"), r"H\x3devil@example.org")
        self.assertEqual(word(b"x-id=1@example.org"), r"x-id\x3d1@example.org")
        self.assertEqual(text(b"MAIL H=evil"), r"MAIL H\x3devil")
        verp = "list+bob=example.com@example.org"
        self.assertEqual((word(verp), text(verp)), (verp, verp))

    def test_whereThereAreNoFields(self) -> None:
        """A line of a trace keeps its equals signs, and nothing else that is not."""
        self.assertEqual(line(b"250 OK id=1xV37L-00"), "250 OK id=1xV37L-00")
        self.assertEqual(line(b"H=\r\n\xff\\"), r"H=\x0d\x0a\xff\\")

    def test_octetsThatAreNotUTF8AreShownByNumber(self) -> None:
        """For JSON, UTF-8 is text, and anything else is C{\\xNN}."""
        self.assertEqual(decoded("ö".encode() + b"\xff"), "ö\\xff")

    @settings(max_examples=100)
    @given(strategies.binary() | strategies.text())
    def test_nothingEscapes(self, said: bytes | str) -> None:
        """Whatever is said, a word is visible ASCII, and text is one line."""
        self.assertTrue(all("!" <= c <= "~" for c in word(said)))
        self.assertTrue(all(" " <= c <= "~" for c in text(said)))

    @settings(max_examples=300)
    @given(_SAID)
    def test_whatIsPlainIsShownAsEverythingElse(self, said: bytes) -> None:
        """What looks plain at a glance is that."""
        found = harmless._shown(said, harmless._UNSAFE_WORD)
        self.assertEqual(word(said), found)

        def looked(line: bytes) -> str:
            unsafe, fields = harmless._UNSAFE_TEXT, harmless._FIELD_BUT_ID
            return harmless._shown(line, unsafe, fields)

        self.assertEqual(answer(said), looked(said))
        for reply in (said, said * 200):
            lines = reply[:1024].split(b"\r\n")
            shown = "\\n".join(map(looked, lines)).replace('"', "\\x22")
            self.assertEqual(_confirmed(reply), f' C="{shown}"')

    @settings(max_examples=100)
    @given(strategies.binary())
    def test_octetsCanBeReadBack(self, said: bytes) -> None:
        """An escape is never ambiguous: Python's own rules undo it."""
        back = word(said).encode("ascii").decode("unicode_escape").encode("latin-1")
        self.assertEqual(back, said)


class AnswerTests(SynchronousTestCase):
    """What a server answered, by which people find a message at the other end."""

    def test_identifierStays(self) -> None:
        """The name of a message is as it was said; no other field can be made up."""
        said = b"2.0.0 OK id=1xVC4x-000013-00 H=x C=y\x00"
        shown = r"2.0.0 OK id=1xVC4x-000013-00 H\x3dx C\x3dy\x00"
        self.assertEqual(answer(said), shown)


class VisibleTests(SynchronousTestCase):
    """On a page, all scripts are shown, and nothing that hides or turns."""

    def test_lettersStay(self) -> None:
        """Letters, marks, digits and signs of all scripts are as they are."""
        for said in ("ann@example.org", "почта.рф", "例え.テスト", "नमस्ते", "a b <&>"):
            self.assertEqual(visible(said.encode()), said)

    def test_whatHidesOrTurnsIsEscaped(self) -> None:
        """Controls, marks of direction, spaces without width, line ends."""
        self.assertEqual(
            visible("\u202ea\u2066b\u200bc\u2028d\xa0\r\n\x00\U000e0041\ue000"),
            "\\u202ea\\u2066b\\u200bc\\u2028d\\xa0\\x0d\\x0a\\x00\\U000e0041\\ue000",
        )
        self.assertEqual(visible(b"\xff\xc3\xa9"), "\\xff\xe9")

    def test_long(self) -> None:
        """What is long is cut, and one sees that it was."""
        self.assertEqual(visible(b"x" * 9, most=8), "xxxxxxxx\u2026")
        self.assertEqual(visible(b"x" * 8, most=8), "xxxxxxxx")
