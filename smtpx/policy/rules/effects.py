"""
What rules note on a transaction, and what becomes of that when its message is taken.

What a rule of C{rcpt} notes is its recipient's, and counts only if that is one in the
end.  None of these notes goes into the spool by itself: L{settle} makes of them what
does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from attrs import frozen

from ...core.envelope import Bearer, Envelope, Stamp
from ...core.errors import Malformed
from ...core.fieldline import foldedField
from ...core.queueprofile import DISCARDED, QUARANTINED
from ...extensions.bmi import BMI_RUN
from ..checkers.consultation import SKIPPED
from ..dcc.marks import DCC_RECIPIENTS
from ..dmarccontrols import DMARC_DISABLED, DMARC_FORENSIC
from ..edits import FieldPlace
from .fields import fieldName
from .stages import RuleStage
from .subject import Subject

#: Why it is to be on hold.
_HELD = Stamp[str]("policy.held", None, str)
#: Is that since it may do harm?
_QUARANTINED = Stamp[bool]("policy.quarantined", None, bool)
#: Is it to wait for the next time that the queue is looked through?
_QUEUE_ONLY = Stamp[bool]("policy.queue-only", None, bool)
#: Is nobody to get it?
_DISCARDED = Stamp[bool]("policy.discarded", None, bool)


@frozen
class AddHeader:
    """
    A field to be added.

    @ivar line: its name and value, with variables.
    @ivar place: where.
    """

    line: str
    place: FieldPlace = FieldPlace.AFTER_RECEIVED

    @classmethod
    def parse(cls, text: str) -> AddHeader:
        """
        Read a field, which may have its place in front: C{:at_start: X-Seen: yes}.

        @raise Malformed: it is none.
        """
        place = FieldPlace.AFTER_RECEIVED
        text = text.strip()
        if text.startswith(":"):
            word = text[: text.find(":", 1) + 1]
            known = [each.value for each in FieldPlace]
            if word not in known:
                raise Malformed(f"expected a place such as {' or '.join(known)}")
            place, text = FieldPlace(word), text[len(word) :].strip()
        name, colon, _ = text.partition(":")
        if text not in WHOLE_FIELDS and not (colon and fieldName(name)):
            raise Malformed('expected a field such as "X-Checked: yes"')
        if not text.isprintable():
            raise Malformed("a field has no line ends, nor other controls")
        return cls(text, place)


#: The variables that are a field by themselves.
WHOLE_FIELDS = ("$spf_received", "$dcc_header")

#: The fields that were added, with their places.
_ADDED = Stamp[tuple[tuple[FieldPlace, bytes], ...]](
    "policy.added", None, lambda text: ()
)


def add(bearer: Bearer, place: FieldPlace, line: str) -> None:
    """
    Note a field to be added.

    @param line: its name and value; of what is no field nothing is noted.
    """
    name, _, value = line.partition(":")
    value = " ".join(value.split())
    if not (fieldName(name) and value):
        return
    field = foldedField(name, value)
    bearer.stamps[_ADDED] = (*(bearer.stamp(_ADDED) or ()), (place, field))


def hold(bearer: Bearer, why: str) -> None:
    """Note that a message is to be on hold."""
    bearer.stamps[_HELD] = why


def quarantine(bearer: Bearer, why: str) -> None:
    """Note that a message is to be on hold, since it may do harm."""
    bearer.stamps[_QUARANTINED] = True
    bearer.stamps[_HELD] = why


def discard(bearer: Bearer) -> None:
    """Note that nobody is to get a message, or this recipient is not."""
    bearer.stamps[_DISCARDED] = True


def isDiscardedFor(bearer: Bearer) -> bool:
    """Was it noted so?"""
    return bearer.stamp(_DISCARDED) is True


@frozen
class Control:
    """
    Something that rules can switch on.

    @ivar stages: when.
    @ivar help: what it does.
    @ivar apply: does it.
    @ivar method: what it is about (L{smtpx.policy.rules.findings.METHODS}); empty:
        something else.
    """

    name: str
    stages: frozenset[RuleStage]
    help: str
    apply: Callable[[Subject], None]
    method: str = ""


def _stamping(stamp: Stamp[bool]) -> Callable[[Subject], None]:
    def apply(subject: Subject) -> None:
        subject.envelope.stamps[stamp] = True

    return apply


def _skipping(what: str) -> Callable[[Subject], None]:
    def apply(subject: Subject) -> None:
        # One recipient's is not to leave the others without.
        bearer: Bearer = subject.recipient or subject.envelope
        stamps = bearer.stamps
        stamps[SKIPPED] = (stamps.get(SKIPPED) or frozenset()) | {what}

    return apply


_BEFORE_DATA = RuleStage.MAIL.upTo(RuleStage.RCPT)
_UP_TO_DATA = RuleStage.MAIL.upTo(RuleStage.DATA)

#: Those that rules have by themselves.
CONTROLS: Mapping[str, Control] = {
    each.name: each
    for each in (
        Control(
            "queue_only",
            RuleStage.MAIL.onwards,
            "The message is not delivered at once: it waits in the queue, for the time"
            " that ``[queue] queue_only_for`` says, or until somebody has it tried"
            " (``smtpx queue retry``).",
            _stamping(_QUEUE_ONLY),
        ),
        Control(
            "dmarc_disable_verify",
            _BEFORE_DATA,
            "DMARC is not looked at; its status is ``off``.",
            _stamping(DMARC_DISABLED),
            "dmarc",
        ),
        Control(
            "dmarc_enable_forensic",
            _BEFORE_DATA,
            "If the message fails, those whom the domain's record names are sent a"
            " report on it.",
            _stamping(DMARC_FORENSIC),
            "dmarc",
        ),
        Control(
            "skip_malware",
            RuleStage.MAIL.upTo(RuleStage.DATA),
            "No virus scanner is asked of the message; in a rule of ``rcpt``: if it is"
            " so for all its recipients.",
            _skipping("malware"),
            "malware",
        ),
        Control(
            "skip_spam",
            RuleStage.MAIL.upTo(RuleStage.DATA),
            "No spam filter is asked of the message; in a rule of ``rcpt``: if it is so"
            " for all its recipients.",
            _skipping("spam"),
            "spam",
        ),
        Control(
            "skip_dcc",
            _UP_TO_DATA,
            "DCC is not asked of the message; in a rule of ``rcpt``: if it is so for"
            " all its recipients.",
            _skipping("dcc"),
            "dcc",
        ),
        Control(
            "dcc_recipients",
            _UP_TO_DATA,
            "Recipients whom DCC answers no for are refused, though it answers yes for"
            " others: where the client can be told of each.",
            _stamping(DCC_RECIPIENTS),
            "dcc",
        ),
        Control(
            "bmi_run",
            _UP_TO_DATA,
            "The message is scanned, and each recipient gets a verdict, which routes"
            " see.",
            _stamping(BMI_RUN),
            "bmi",
        ),
    )
}


def ofExtension(name: str) -> Control:
    """A control that an extension brings."""
    return Control(
        name,
        RuleStage.MAIL.onwards,
        "It is an extension's.",
        lambda subject: subject.session.control(name),
    )


@frozen
class Settled:
    """
    What rules have made of a message.

    @ivar held: why it is to be on hold; empty: no rule wants that.
    @ivar waits: is it to wait for the next time that the queue is looked through?
    @ivar above: fields that go above our C{Received} field.
    @ivar below: fields that go below it.
    """

    held: str
    above: bytes
    below: bytes
    waits: bool = False


def isHeld(envelope: Envelope) -> bool:
    """Do rules want a message, as the client gave it, to be on hold?"""
    bearers: list[Bearer] = [envelope, *envelope.recipients]
    return any(each.stamp(_HELD) is not None for each in bearers)


def isDiscarded(envelope: Envelope) -> bool:
    """Do rules want nobody to get a message, as the client gave it?"""
    if envelope.stamp(_DISCARDED):
        return True
    return all(each.stamp(_DISCARDED) is True for each in envelope.recipients)


def settle(envelope: Envelope, spooled: Envelope) -> Settled:
    """
    What rules have made of a message that is about to go into the spool.

    @param envelope: as the client gave it.
    @param spooled: as it goes there; who is not to get the message is marked in it.
    """
    bearers: list[Bearer] = [envelope, *envelope.recipients]
    everybody = envelope.stamp(_DISCARDED) is True
    for recipient in spooled.recipients:
        if everybody or recipient.stamp(_DISCARDED):
            recipient.stamps[DISCARDED] = True
    if any(each.stamp(_QUARANTINED) is True for each in bearers):
        spooled.stamps[QUARANTINED] = True
    held = next(filter(None, (each.stamp(_HELD) for each in bearers)), "")
    return Settled(
        held,
        b"".join(addedAt(bearers, FieldPlace.AT_START)),
        b"".join(addedAt(bearers, FieldPlace.AFTER_RECEIVED)),
        any(each.stamp(_QUEUE_ONLY) is True for each in bearers),
    )


def addedAt(bearers: Iterable[Bearer], place: FieldPlace) -> list[bytes]:
    """The fields for one place, each once: a rule may be true of many recipients."""
    found = [
        field
        for bearer in bearers
        for where, field in bearer.stamp(_ADDED) or ()
        if where is place
    ]
    return list(dict.fromkeys(found))


__all__ = [
    "CONTROLS",
    "DMARC_DISABLED",
    "DMARC_FORENSIC",
    "WHOLE_FIELDS",
    "AddHeader",
    "Control",
    "Settled",
    "add",
    "addedAt",
    "discard",
    "hold",
    "isDiscarded",
    "isDiscardedFor",
    "isHeld",
    "ofExtension",
    "quarantine",
    "settle",
]
