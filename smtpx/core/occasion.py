"""
When a hook of a client has something to say.

Most hooks that a transaction asks are about something that few messages have, or few
peers: an extension that knows it says so where it registers the hook::

    client.admit(when(self._admit, of=(HOLD,)))
    client.relax(when(self._relax, offers=CAPABILITY, lasting=True))

It is not asked on other occasions then, and costs nothing there.  What a peer offers
is looked at once for all peers that offer the same (L{smtpx.core.clienthooks}), what a
message has with each message.  A hook that notes something on the session with each
message, be it only that there is nothing, has to be asked always.

What is said by C{lasting}, C{foreign} and C{plain} makes a message a usual one, for
which nobody has to be asked at all (L{smtpx.core.clientusual}).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import frozen

from .envelope import Stamp

if TYPE_CHECKING:
    from .hooks import Capability

F = TypeVar("F", bound=Callable[..., Any])


@frozen(eq=False)
class Occasion:
    """
    When a hook is asked.

    @ivar offers: the peer offers this; L{None}: it need not offer anything.
    @ivar lacks: the peer does not offer that; L{None}: it may offer whatever it likes.
    @ivar of: one of these stamps is on the envelope, or on a recipient; empty: there
        need be none.
    @ivar lasting: does what it says hold for all messages of a session?  Then it need
        not be asked for each.
    @ivar foreign: need it not be asked where all addresses are of ASCII?
    @ivar plain: need it not be asked, as it would change nothing, where this is true
        of the whole body?  L{None}: it has to be asked.
    """

    offers: Capability[Any] | None = None
    lacks: Capability[Any] | None = None
    of: frozenset[Stamp[Any]] = frozenset()
    lasting: bool = False
    foreign: bool = False
    plain: Callable[[bytes], bool] | None = None

    def suits(self, offers: Container[bytes]) -> bool:
        """
        May it come with a peer?

        @param offers: the keywords of what the peer offers.
        """
        if self.offers is not None and self.offers.keyword not in offers:
            return False
        return self.lacks is None or self.lacks.keyword not in offers


#: At any time.
ALWAYS = Occasion()


class _Occasional(partial[Any]):
    """A hook with its occasion."""

    occasion: Occasion


def when(
    hook: F,
    *,
    offers: Capability[Any] | None = None,
    lacks: Capability[Any] | None = None,
    of: Iterable[Stamp[Any]] = (),
    lasting: bool = False,
    foreign: bool = False,
    plain: Callable[[bytes], bool] | None = None,
) -> F:
    """
    C{hook}, to be asked on some occasions only, see L{Occasion}.

    @param of: only for hooks that are given an envelope.
    @param lasting: only for hooks that are given nothing but the session.
    @param foreign: only for hooks that admit an envelope.
    @param plain: only for hooks that choose a change to the body.
    """
    occasional = _Occasional(hook)
    occasional.occasion = Occasion(
        offers, lacks, frozenset(of), lasting, foreign, plain
    )
    return cast(F, occasional)


def occasionOf(hook: Callable[..., Any]) -> Occasion:
    """When is it asked?"""
    occasion: Occasion = getattr(hook, "occasion", ALWAYS)
    return occasion


__all__ = ["ALWAYS", "Occasion", "occasionOf", "when"]
