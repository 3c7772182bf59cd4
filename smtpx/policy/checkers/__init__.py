"""
Checkers outside: what virus scanners and spam filters think of messages.
"""

from .consultation import (
    CONSULTATION,
    SKIPPED,
    Consultation,
    Opinions,
    skippedOf,
)
from .consulting import ConsultingReceiver
from .desk import Desk
from .interfaces import (
    NOT_ASKED,
    ICheck,
    IChecker,
    Message,
    Opinion,
    State,
    Terms,
    WhenAway,
)

__all__ = [
    "CONSULTATION",
    "NOT_ASKED",
    "SKIPPED",
    "Consultation",
    "ConsultingReceiver",
    "Desk",
    "ICheck",
    "IChecker",
    "Message",
    "Opinion",
    "Opinions",
    "State",
    "Terms",
    "WhenAway",
    "skippedOf",
]
