"""
A trace to look at, for the tests of this room and of those that draw it.
"""

from __future__ import annotations

from smtpx.observe.trace import (
    Direction,
    Flight,
    HandshakeStep,
    Remark,
    SessionTrace,
)

from .stories import NOW

CLIENT, SERVER = Direction.CLIENT, Direction.SERVER

#: Each kind of rung, once at least.
STEPS = (
    Flight(0.0, 0.0, SERVER, 33, False, ("220 mx.example.org ESMTP",)),
    Flight(0.05, 0.05, CLIENT, 24, False, ("EHLO client.example.net", "STARTTLS")),
    HandshakeStep(
        0.1,
        0.125,
        "TLSv1.3",
        "TLS_AES_256_GCM_SHA384",
        256,
        True,
        "mx.example.org",
        False,
        "CN=ann",
        "certificate has expired",
    ),
    Flight(0.15, 0.25, CLIENT, 1, True, ("* (1 octet)",)),
    Remark(0.26, "OSError in spool"),
    Flight(0.3, 0.3, SERVER, 40, True, ("451 4.3.0 Local error",)),
)

TRACE = SessionTrace(
    "d82b59dd-1",
    NOW,
    0.31,
    "192.0.2.7",
    4567,
    "client.example.net",
    "192.0.2.25",
    25,
    "recipient bob@example.com",
    "QUIT",
    STEPS,
    2,
)
