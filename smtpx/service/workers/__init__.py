"""
Several processes that are one server: C{workers} in the configuration.

C{twistd}'s process supervises: it has the ports, and accepts nothing.  A small process
without a reactor, the zygote, makes what all workers share and forks them.  Each
worker has a reactor and a house of its own (L{smtpx.service.wiring}), with a numbered
spool of its own; what is there once in a server is the leading worker's.  With one
worker there is one process, C{twistd}'s, and nothing of this.
"""

from .interfaces import IOthers
from .shared import Shared
from .worker import Worker

__all__ = ["IOthers", "Shared", "Worker"]
