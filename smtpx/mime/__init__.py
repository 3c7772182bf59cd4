"""
MIME (RFC 2045, RFC 2046): what a message is made of, and making it fit for a peer that
takes less.
"""

from .conversion import Plan, Survey, Wire
from .header import Obstacle
from .international import InternationalHeader
from .plan import ChangedBody

__all__ = [
    "ChangedBody",
    "InternationalHeader",
    "Obstacle",
    "Plan",
    "Survey",
    "Wire",
]
