"""
What is remembered of clients that are not known yet, or do too much: greylisting, and
rates.
"""

from .alerts import Alert, Alerts
from .greylist import AWAY_ACCEPTS, AWAY_DEFERS, Greylist
from .greylistfile import GreylistFile, GreylistTerms
from .interfaces import IGreylist, Standing, Triples
from .pace import Mode, Pace
from .rates import Meter, Rates

__all__ = [
    "AWAY_ACCEPTS",
    "AWAY_DEFERS",
    "Alert",
    "Alerts",
    "Greylist",
    "GreylistFile",
    "GreylistTerms",
    "IGreylist",
    "Meter",
    "Mode",
    "Pace",
    "Rates",
    "Standing",
    "Triples",
]
