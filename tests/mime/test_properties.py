"""
Properties of L{smtpx.mime}: whatever a message is, others understand it as before.
"""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
from twisted.trial.unittest import SynchronousTestCase

from smtpx.mime import Obstacle, Wire

from .oracle import surveyed, understood, written

#: Lines from which a message is made that its author did not understand, either.
LINES = st.sampled_from(
    b"--x|--x--|--y|--y--|--xy|--x |-- |||||text|t\xc3\xa4xt |\xff=\xfe|=3D|noise"
    b"|Content-Type: text/plain; charset=utf-8"
    b"|Content-Type: multipart/mixed; boundary=x"
    b'|Content-Type: multipart/alternative; boundary="y"'
    b"|Content-Type: multipart/digest; boundary=x"
    b"|Content-Type: multipart/signed; boundary=y"
    b"|Content-Type: message/rfc822"
    b"|Content-Type: image/png"
    b"|Content-Transfer-Encoding: 8bit"
    b"|Content-Transfer-Encoding: binary"
    b"|Content-Transfer-Encoding: base64"
    b"|Content-Transfer-Encoding: quoted-printable"
    b"|Subject: a| folded|MIME-Version: 1.0".split(b"|")
) | st.sampled_from([b"x" * 77, b"x" * 1200])

HOSTILE = st.tuples(
    st.sampled_from([b"", b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"]),
    st.lists(LINES, max_size=25).map(b"\r\n".join),
    st.sampled_from([b"", b"\r\n"]),
).map(b"".join)

#: What is in a leaf; never the beginning of a boundary.
CONTENT = st.lists(
    st.sampled_from([b"\r\n", b"a ", b"\xc3\xa4", b"\xff\xfe", b"=", b"x" * 90, b"."])
    | st.sampled_from([b"\0", b"\r", b"\n"]),
    max_size=8,
).map(b"".join)

FIELDS = st.sampled_from(
    [
        b"",
        b"Content-Type: text/plain; charset=utf-8\r\n",
        b"Content-Type: text/html\r\nContent-Transfer-Encoding: 8bit\r\n",
        b"Content-Transfer-Encoding: binary\r\nContent-Type: application/x\r\n",
        b"Content-Type: image/png\r\nX: y\r\n z\r\n",
    ]
)


@st.composite
def entities(draw: st.DrawFn, depth: int = 3) -> bytes:
    """A message or part with sound structure, and anything in it."""
    kind = draw(st.integers(0, 3)) if depth else 0
    if kind <= 1:
        return draw(FIELDS) + b"\r\n" + draw(CONTENT)
    label = draw(st.sampled_from([b"", b"Content-Transfer-Encoding: binary\r\n"]))
    if kind == 2:
        inner = draw(entities(depth - 1))
        return b"Content-Type: message/rfc822\r\n" + label + b"\r\n" + inner
    parts = draw(st.lists(entities(depth - 1), min_size=1, max_size=3))
    line = b"\r\n--b%d" % depth
    return (
        b"Content-Type: multipart/mixed; boundary=b%d\r\n" % depth
        + label
        + b"\r\npreamble"
        + b"".join(line + b"\r\n" + part for part in parts)
        + line
        + b"--\r\nepilogue\r\n"
    )


class PropertyTests(SynchronousTestCase):
    """Whatever there is."""

    def check(self, message: bytes, wire: Wire, cut: int, sound: bool) -> None:
        """
        What is converted is understood as before, and fit.

        @param sound: can it be converted for sure?
        """
        found = surveyed(message, wire)
        self.assertEqual(surveyed(message, wire, cut), found)
        if isinstance(found, Obstacle):
            self.assertFalse(sound, found)
            return
        whole = written(message, found, cut)
        self.assertEqual(understood(whole), understood(message))
        if not wire.eightBit:
            self.assertTrue(whole.isascii())
        # What is fit is left alone.
        again = surveyed(whole, wire)
        assert not isinstance(again, Obstacle)
        self.assertEqual(again.edits, ())

    @given(HOSTILE, st.booleans(), st.integers(1, 70))
    @settings(max_examples=100)
    def test_hostile(self, message: bytes, eightBit: bool, cut: int) -> None:
        """Lines in any order: refused, or understood as before."""
        self.check(message, Wire(eightBit), cut, sound=False)

    @given(entities(), st.booleans(), st.integers(1, 70))
    @settings(max_examples=100)
    def test_sound(self, message: bytes, eightBit: bool, cut: int) -> None:
        """Sound structure with any content: always converted."""
        self.check(message, Wire(eightBit), cut, sound=True)
        found = surveyed(message, Wire(eightBit))
        assert not isinstance(found, Obstacle)
        whole = written(message, found)
        self.assertNotIn(b"\0", whole)
        self.assertEqual(
            whole.replace(b"\r\n", b"").translate(None, b"\r\n"),
            whole.replace(b"\r\n", b""),
        )

    @given(st.binary(max_size=200), st.booleans(), st.integers(1, 70))
    @settings(max_examples=100)
    def test_anything(self, message: bytes, eightBit: bool, cut: int) -> None:
        """Octets that are no message at all."""
        found = surveyed(message, Wire(eightBit))
        self.assertEqual(surveyed(message, Wire(eightBit), cut), found)
        if not isinstance(found, Obstacle):
            written(message, found, cut)
