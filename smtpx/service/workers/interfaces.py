"""
What the workers of a server are to each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twisted.internet.defer import Deferred
from zope.interface import Interface

#: What is said between workers: a value of JSON.
Fields = Mapping[str, object]


class IOthers(Interface):
    """
    The other workers, as one of them sees them.

    What they answer are verbs of the control protocol
    (L{smtpx.service.control.exchange.Verb}).
    """

    def ask(
        verb: str, fields: Fields, seconds: float
    ) -> Deferred[Mapping[int, Sequence[Fields]]]:
        """
        Ask all others the same.

        @param seconds: how long they have.
        @return: never fails: the parts of each answer, the end last, by the numbers
            of those who have answered.  Who is away, refuses or takes too long is not
            in it.
        """
