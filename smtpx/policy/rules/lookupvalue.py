"""
Values that look-ups give, for variables of one's own
(L{smtpx.policy.rules.own.Set}); Exim's C{${lookup{key}kind{file}{found}{default}}}::

    Set.make({"acl_m_relay": LookupValue("relaydomains", "$sender_address_domain")})
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from attrs import frozen
from twisted.internet.defer import Deferred

from .faults import Place
from .interfaces import Means
from .lookedup import VALUE, lent, look
from .subject import Subject
from .texts import Text

#: Makes a value for a session; L{None}: the variable stays as it is.  Raises, or fails
#: with, L{smtpx.policy.lookups.LookupDeferred} where it cannot be told now.
Make = Callable[[Subject], "str | None | Deferred[str | None]"]


@frozen
class LookupValue:
    """
    What a look-up gives.

    @ivar lookup: the name of the look-up.
    @ivar key: the key, with variables.
    @ivar found: the value where something is found, with variables; C{$value} is what
        was found.
    @ivar default: the value where nothing is; L{None}: the variable stays as it is,
        which is Exim's C{fail}.
    """

    lookup: str
    key: str
    found: str = "$value"
    default: str | None = ""

    @property
    def sources(self) -> Iterator[tuple[Place, str]]:
        """Its texts, with their places in it."""
        yield ("key",), self.key
        yield ("found",), self.found
        if self.default is not None:
            yield ("default",), self.default

    def made(self, texts: Sequence[Text], means: Means) -> Make:
        """
        What makes it.

        @param texts: those of C{sources}, in their order.
        """
        key, found = texts[0].asOctets(), texts[1]
        default = texts[2] if self.default is not None else None
        lookup, name = lent(means, self.lookup), self.lookup

        def told(value: bytes | None, subject: Subject) -> str | None:
            subject.told[VALUE] = value
            if value is not None:
                return found.render(subject)
            return None if default is None else default.render(subject)

        def make(subject: Subject) -> str | None | Deferred[str | None]:
            said = look(subject, lookup, name, key(subject))
            if isinstance(said, Deferred):
                return said.addCallback(told, subject)
            return told(said, subject)

        return make


__all__ = ["LookupValue", "Make"]
