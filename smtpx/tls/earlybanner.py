"""
A server whose greeting leaves with its first flight ("0.5-RTT data", RFC 8446 section
4.4.4): where TLS begins with the connection, a client that waits for the greeting has
it a round trip earlier.

What is said so is protected against everybody but whoever the client is, since the
client has proved nothing yet.  So it is only what anybody may read, the greeting, and
only where no certificate is asked of the client.

Nothing is ever I{taken} early: what a client sends in 0-RTT could be a recording, and
SMTP must not hear anything twice.  OpenSSL is told so (C{max_early_data} is 0), and
passes over such octets unread.
"""

from __future__ import annotations

from collections.abc import Callable

from OpenSSL import SSL

from .openssl import readyForWords, wordsWritten

#: Is called when a greeting can leave, with what sends it; that says whether it left.
Words = Callable[[Callable[[bytes], bool]], None]

#: More is not said early, in octets: RFC 5321 section 4.5.3.1.5, a reply line, and
#: a greeting may have some.
WORDS_OCTETS = 4096


class SpeaksFirst(SSL.Connection):
    """
    A server's side of a handshake that may speak with its first flight.
    """

    def __init__(self, context: SSL.Context, words: Words) -> None:
        SSL.Connection.__init__(self, context, None)
        self._words: Words | None = words

    def do_handshake(self) -> None:
        """Go on with the handshake, and say the words on the way."""
        words = self._words
        if words is not None and readyForWords(self):
            self._words = None
            if self._protected:
                words(self._say)
        SSL.Connection.do_handshake(self)

    @property
    def _protected(self) -> bool:
        """
        Is there a key for what is said?  Not behind a HelloRetryRequest, where OpenSSL
        would write it in the clear, nor under TLS 1.2, where the handshake is through.
        """
        newest = self.get_protocol_version_name() == "TLSv1.3"
        return newest and bool(self.get_finished())

    def _say(self, octets: bytes) -> bool:
        return len(octets) <= WORDS_OCTETS and wordsWritten(self, octets)


__all__ = ["WORDS_OCTETS", "SpeaksFirst", "Words"]
