"""
The hooks of a client that have something to say to a peer, by what the peer offers.

They are chosen once for all peers that offer the same (L{ClientProfile.hooksFor}), so
that a transaction asks none in vain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import field, frozen

from .clientparameters import Stamped, Writer
from .envelope import Envelope, Stamp
from .hooks import BatchLimits, Carrier, LogFields, Refusal, SyncPoint, Where
from .interfaces import IBody, IClientSession, Transform
from .occasion import occasionOf
from .rawparameters import RAW

if TYPE_CHECKING:
    from .dialogue import Recognition
    from .profile import ClientProfile

H = TypeVar("H", bound=Callable[..., Any])


@frozen(eq=False)
class UsualHooks:
    """
    What there is to ask for a usual message: one with addresses of ASCII, and with a
    body in which nothing has to be changed (L{smtpx.core.clientusual}).

    @ivar marks: a message that has one of these stamps is none.
    @ivar told: one with one of these has parameters of MAIL.
    @ivar glances: neither is one for whose whole body one of these is false.
    @ivar admitters: those that are always asked.
    @ivar carriers: are there ways to move the body besides DATA?
    @ivar mail: as in L{ClientHooks}, those that are always asked.
    @ivar unknown: those of them that are asked where the peer does not know who we are.
    """

    marks: Stamped
    told: Stamped
    glances: tuple[Callable[[bytes], bool], ...]
    admitters: tuple[Callable[[IClientSession, Envelope], Refusal | None], ...]
    carriers: bool
    mail: tuple[Writer, ...]
    unknown: tuple[Writer, ...]

    def asks(self, authenticated: bool) -> bool:
        """
        Is there anybody to ask?

        @param authenticated: does the peer know who we are?
        """
        mail = self.mail if authenticated else self.unknown
        return bool(self.admitters or self.carriers or mail)

    @classmethod
    def of(cls, hooks: ClientHooks) -> UsualHooks | None:
        """
        Those of C{hooks}.

        @return: L{None}: no message is a usual one.
        """
        if hooks.recognisers:
            return None
        if not all(
            occasionOf(each).lasting for each in hooks.batchers + hooks.relaxers
        ):
            return None
        if any(_always(each) for each in hooks.rcpt):
            return None
        marks: set[Stamp[Any]] = {RAW}
        for stamps, _ in (*hooks.admitters, *hooks.transforms):
            marks |= stamps
        for writer in hooks.rcpt:
            marks |= _marked(writer)
        told: Stamped = frozenset().union(*map(_marked, hooks.mail))
        glances = []
        for stamps, choose in hooks.transforms:
            plain = occasionOf(choose).plain
            if plain is not None:
                glances.append(plain)
            elif not stamps:
                return None
        admitters = tuple(
            admit
            for stamps, admit in hooks.admitters
            if not stamps and not occasionOf(admit).foreign
        )
        carriers = bool(hooks.carriers)
        mail = tuple(each for each in hooks.mail if _always(each))
        unknown = tuple(each for each in mail if not each.parameter.loggedIn)
        return cls(
            frozenset(marks),
            told,
            tuple(glances),
            admitters,
            carriers,
            mail,
            unknown,
        )


def _marked(writer: Writer) -> Stamped:
    """With which stamps has it to be asked?"""
    return writer.of.union(writer.parameter.foreign or ())


def _always(writer: Writer) -> bool:
    """Has it to be asked for any message?"""
    return not writer.of and writer.parameter.foreign is None


@frozen(eq=False)
class ClientHooks:
    """
    Hooks as in L{smtpx.core.interfaces.IClientBuilder}, in their order.

    @ivar mail: the parameters of MAIL, each with the stamps of which the envelope has
        to have one for it to be asked; empty: it is always asked.
    @ivar rcpt: those of RCPT, likewise with stamps of the recipient.
    @ivar recordsLast: does what all of C{recorders} say last?
    @ivar usual: what is left of them for a usual message; L{None}: there is none.
    """

    admitters: tuple[
        tuple[Stamped, Callable[[IClientSession, Envelope], Refusal | None]], ...
    ]
    transforms: tuple[
        tuple[Stamped, Callable[[IClientSession, Envelope], Transform | None]], ...
    ]
    carriers: tuple[Callable[[IClientSession, Envelope], Carrier | None], ...]
    recognisers: tuple[Callable[[IClientSession, Envelope, IBody], Recognition], ...]
    batchers: tuple[Callable[[IClientSession], BatchLimits | None], ...]
    relaxers: tuple[Callable[[IClientSession], SyncPoint], ...]
    recorders: tuple[Callable[[IClientSession], LogFields], ...]
    mail: tuple[Writer, ...]
    rcpt: tuple[Writer, ...]
    recordsLast: bool = field(init=False)
    usual: UsualHooks | None = field(init=False)

    @recordsLast.default
    def _findLasting(self) -> bool:
        return all(occasionOf(each).lasting for each in self.recorders)

    @usual.default
    def _findUsual(self) -> UsualHooks | None:
        return UsualHooks.of(self)

    @classmethod
    def chosen(cls, profile: ClientProfile, offers: Set[bytes]) -> ClientHooks:
        """
        Choose from all hooks.

        @param offers: the keywords of what the peer offers.
        """

        def suiting(hooks: Iterable[H]) -> tuple[H, ...]:
            return tuple(hook for hook in hooks if occasionOf(hook).suits(offers))

        def stamped(hooks: Iterable[H]) -> tuple[tuple[Stamped, H], ...]:
            return tuple((occasionOf(hook).of, hook) for hook in suiting(hooks))

        # RFC 5321 section 4.1.1.11: only what this peer offered.
        writers = [
            Writer.to(parameter)
            for parameter, under in profile.parameters
            if under.keyword in offers
        ]
        return cls(
            stamped(profile.admitters),
            stamped(profile.transforms),
            suiting(profile.carriers),
            suiting(profile.recognisers),
            suiting(profile.batchers),
            suiting(profile.relaxers),
            suiting(profile.recorders),
            tuple(each for each in writers if each.parameter.where is Where.MAIL),
            tuple(each for each in writers if each.parameter.where is Where.RCPT),
        )


__all__ = ["ClientHooks"]
