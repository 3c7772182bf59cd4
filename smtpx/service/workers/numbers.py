"""
By which numbers a zygote has its descriptors.
"""

from __future__ import annotations

#: What a crash has to say, to the supervisor.
ERRORS = 2

#: Orders, from the supervisor.
ORDERS = 3

#: News, to the supervisor; all workers tell theirs there as well.
NEWS = 4

#: Ends when the supervisor is gone.
LIFE = 5

#: What the zygote has to know: L{smtpx.service.workers.brief.Brief}.
BRIEF = 6

#: The first of the sockets that listen, which are in the order of the listeners.
FIRST = 7

__all__ = ["BRIEF", "ERRORS", "FIRST", "LIFE", "NEWS", "ORDERS"]
