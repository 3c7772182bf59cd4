"""
The extensions that smtpx brings, in the order of the EHLO response.

This is the only file that names them all.  The order is Exim's, as far as it has
the same ones; of the others, each stands behind those it requires.  It is also
the order in which gates and reviews run.
"""

from __future__ import annotations

from typing import Callable, Mapping

from ..core.interfaces import IExtension
from .arc import ARC
from .auth import Auth
from .binarymime import BinaryMIME
from .checkpoint import Checkpoint
from .chunking import Chunking
from .deliverby import DeliverBy
from .dkim import DKIM
from .dsn import DSN
from .earlybanner import EarlyBanner
from .eightbitmime import EightBitMIME
from .enhancedstatuscodes import EnhancedStatusCodes
from .etrn import ETRN
from .futurerelease import FutureRelease
from .limits import Limits
from .mtpriority import MTPriority
from .pipeconnect import PipeConnect
from .pipelining import Pipelining
from .prdr import PRDR
from .requiretls import RequireTLS
from .rrvs import RRVS
from .size import Size
from .smtputf8 import SMTPUTF8
from .starttls import StartTLS
from .tlsresume import TLSResume
from .tlsverify import TLSVerify
from .xclient import XClient
from .xforward import XForward

#: What makes each extension, by its name, in order.
STANDARD: Mapping[str, Callable[[], IExtension]] = {
    each.name: each
    for each in (
        EnhancedStatusCodes,
        Size,
        Limits,
        EightBitMIME,
        DSN,
        ETRN,
        DeliverBy,
        FutureRelease,
        RRVS,
        MTPriority,
        Pipelining,
        PipeConnect,
        Auth,
        Chunking,
        Checkpoint,
        StartTLS,
        TLSVerify,
        EarlyBanner,
        XClient,
        XForward,
        PRDR,
        BinaryMIME,
        SMTPUTF8,
        RequireTLS,
        # What sessions are kept under is what everybody else wants of a handshake.
        TLSResume,
        # What is signed is what leaves, whatever the others make of it; and a seal
        # is above our own signature.
        DKIM,
        ARC,
    )
}


def standard(logsIn: bool = False) -> tuple[IExtension, ...]:
    """
    One of each, with its default settings and without ports: nothing is
    remembered of peers, and REQUIRETLS is not advertised.

    @param logsIn: are they for a client that logs in elsewhere, where it is asked
        to (L{smtpx.extensions.auth.Auth})?
    """
    return tuple(
        Auth(logsIn=logsIn) if make is Auth else make() for make in STANDARD.values()
    )
