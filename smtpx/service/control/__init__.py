"""
The control of a running server: a socket, what is said over it, and what it does.
"""

from .client import ControlClient, NoRights, NoServer, OtherVersion
from .endpoint import BadSocketPath, ControlEndpoint
from .exchange import Exchange, Refused, Verb
from .protocol import ControlFactory
from .queueverbs import QueueVerbs
from .wire import PROTOCOL

__all__ = [
    "PROTOCOL",
    "BadSocketPath",
    "ControlClient",
    "ControlEndpoint",
    "ControlFactory",
    "Exchange",
    "NoRights",
    "NoServer",
    "OtherVersion",
    "QueueVerbs",
    "Refused",
    "Verb",
]
