"""
Verdicts on messages for each recipient, as those of Brightmail AntiSpam (BMI).

A verdict is found while a message is received, and used when it is delivered, perhaps
by another process and after a restart.  So it goes into the spool with its recipient,
as a stamp.  This file has the verdict, its text in the spool, and what routes ask of
it; nothing of it is said over the wire::

    stamp    = delivery [ SP "location=" xtext ] [ SP "rules=" rule *( ":" rule ) ]
               [ SP "verdict=" base64 ] [ SP "tracker=" base64 ]
    delivery = "default" / "alternate" / "drop"
    rule     = 1*DIGIT

Those whom an alias puts in the place of a recipient have all of its stamps: they
inherit its verdict.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from enum import Enum

from attrs import Attribute, field, frozen
from zope.interface import implementer

from ..core.envelope import Recipient, Stamp
from ..core.grammar import XTEXT
from ..core.interfaces import IQueueBuilder, IQueueExtension

#: The most characters of a location, and of each opaque part in octets: what a
#: recipient has in the spool is held in memory while its message waits.
LOCATION_MOST = 1000
OPAQUE_OCTETS = 16384

#: The most rules that may have fired.
RULES_MOST = 1000

_STAMP = re.compile(
    r"(default|alternate|drop)"
    r"(?: location=(\S*))?(?: rules=([0-9:]+))?"
    r"(?: verdict=(\S+))?(?: tracker=(\S+))?\Z"
)


class BMIDelivery(Enum):
    """
    What is to become of a recipient's copy.

    @cvar DEFAULT: it is delivered as usual.
    @cvar ALTERNATE: it is delivered to an alternate location.
    @cvar DROP: it is not delivered.
    """

    __hash__ = object.__hash__

    DEFAULT = "default"
    ALTERNATE = "alternate"
    DROP = "drop"


def _location(verdict: BMIVerdict, attribute: Attribute[str], value: str) -> None:
    if (verdict.delivery is BMIDelivery.ALTERNATE) != bool(value):
        raise ValueError("an alternate delivery has a location, and no other has")
    if len(value) > LOCATION_MOST or not value.isprintable():
        raise ValueError("the location is too long, or not printable")


def _rules(
    verdict: BMIVerdict, attribute: Attribute[tuple[int, ...]], value: tuple[int, ...]
) -> None:
    if len(value) > RULES_MOST or any(not 0 <= each < 1 << 63 for each in value):
        raise ValueError("too many rules, or a number that is none of a rule")


def _opaque(verdict: BMIVerdict, attribute: Attribute[bytes], value: bytes) -> None:
    if len(value) > OPAQUE_OCTETS:
        raise ValueError(f"the {attribute.name} is longer than {OPAQUE_OCTETS} octets")


def _numbers(given: Iterable[int]) -> tuple[int, ...]:
    return tuple(given)


@frozen
class BMIVerdict:
    """
    What was found of a message for one recipient.

    @ivar delivery: what is to become of it.
    @ivar location: the alternate location, whatever that means to who delivers; empty:
        it is delivered as usual, or not at all.
    @ivar rules: the numbers of the rules that fired.
    @ivar verdict: the whole verdict, as its maker knows it; of no meaning to us.
    @ivar tracker: the part of it that tells of the rules, likewise.
    """

    delivery: BMIDelivery = BMIDelivery.DEFAULT
    location: str = field(default="", validator=_location)
    rules: tuple[int, ...] = field(default=(), converter=_numbers, validator=_rules)
    verdict: bytes = field(default=b"", validator=_opaque)
    tracker: bytes = field(default=b"", validator=_opaque)

    def dump(self) -> str:
        """The text in the spool."""
        out = [self.delivery.value]
        if self.location:
            location = XTEXT.render(self.location.encode("utf-8"))
            assert location is not None, "it is a value"
            out.append(f"location={location.decode('ascii')}")
        if self.rules:
            out.append(f"rules={':'.join(map(str, self.rules))}")
        if self.verdict:
            out.append(f"verdict={_base64(self.verdict)}")
        if self.tracker:
            out.append(f"tracker={_base64(self.tracker)}")
        return " ".join(out)

    @classmethod
    def load(cls, text: str) -> BMIVerdict:
        """
        Read it again.

        @raise ValueError: it is none.
        """
        found = _STAMP.match(text)
        if found is None:
            raise ValueError(f"no verdict: {text[:40]!r}")
        delivery, location, rules, verdict, tracker = found.groups()
        return cls(
            BMIDelivery(delivery),
            XTEXT.parse((location or "").encode("utf-8")).decode("utf-8"),
            [int(each) for each in rules.split(":")] if rules else (),
            _octets(verdict),
            _octets(tracker),
        )


def _base64(octets: bytes) -> str:
    return b64encode(octets).decode("ascii")


def _octets(text: str | None) -> bytes:
    try:
        return b64decode((text or "").encode("ascii", "replace"), validate=True)
    except binascii.Error as error:
        raise ValueError(f"not base64: {error}") from None


def _dump(verdict: BMIVerdict) -> str:
    return verdict.dump()


#: On a recipient: the verdict.
BMI_VERDICT = Stamp[BMIVerdict]("bmi", _dump, BMIVerdict.load)

#: On an envelope: its message is to be scanned.
BMI_RUN = Stamp[bool]("bmi-run", None, bool)

#: On a recipient: the features that the scanner is to use for it.
BMI_OPTIN = Stamp[tuple[str, ...]]("bmi-optin", None, lambda text: ())


# --- what routes ask -----------------------------------------------------------------


def deliversDefault(recipient: Recipient) -> bool:
    """Is it to be delivered as usual?  What nobody has scanned is."""
    found = recipient.stamp(BMI_VERDICT)
    return found is None or found.delivery is BMIDelivery.DEFAULT


def deliversAlternate(recipient: Recipient) -> bool:
    """Is it to be delivered to an alternate location?"""
    found = recipient.stamp(BMI_VERDICT)
    return found is not None and found.delivery is BMIDelivery.ALTERNATE


def deliversNot(recipient: Recipient) -> bool:
    """Is it not to be delivered?"""
    found = recipient.stamp(BMI_VERDICT)
    return found is not None and found.delivery is BMIDelivery.DROP


def fired(recipient: Recipient, rules: Iterable[int]) -> bool:
    """Did one of these rules fire?"""
    found = recipient.stamp(BMI_VERDICT)
    return found is not None and not set(rules).isdisjoint(found.rules)


#: The variables that tell of a verdict, under the names that Exim gives them.
VARIABLES = (
    "bmi_base64_verdict",
    "bmi_base64_tracker_verdict",
    "bmi_alt_location",
    "bmi_deliver",
)


def variable(recipient: Recipient, name: str) -> str:
    """
    The value of one of L{VARIABLES}; empty: there is no verdict that would tell.

    C{bmi_deliver} is C{0} where the message is not to be delivered, otherwise C{1}.
    """
    if name == "bmi_deliver":
        return "0" if deliversNot(recipient) else "1"
    found = recipient.stamp(BMI_VERDICT) or BMIVerdict()
    if name == "bmi_alt_location":
        return found.location
    opaque = found.tracker if "tracker" in name else found.verdict
    return _base64(opaque)


@implementer(IQueueExtension)
class BMI:
    """Has verdicts kept in the spool."""

    name = "BMI"
    requires: tuple[str, ...] = ()
    settings = None

    def configured(self, settings: object) -> BMI:
        """It has no options."""
        return self

    def extendQueue(self, queue: IQueueBuilder) -> None:
        """See L{IQueueExtension}."""
        queue.stamp(BMI_VERDICT)


__all__ = [
    "BMI",
    "BMI_OPTIN",
    "BMI_RUN",
    "BMI_VERDICT",
    "VARIABLES",
    "BMIDelivery",
    "BMIVerdict",
    "deliversAlternate",
    "deliversDefault",
    "deliversNot",
    "fired",
    "variable",
]
