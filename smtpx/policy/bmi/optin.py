"""
The features that a scanner is to use for a recipient, as rules name them::

    optin = feature *( ( "," / ":" ) feature )

Exim's manual has them with commas in one place, and with colons in another.
"""

from __future__ import annotations

import re

#: The most features of a recipient, and the most characters of one.
_FEATURES_MOST = 100
_FEATURE_MOST = 200

_SEPARATORS = re.compile(r"[,:]")


def features(text: str) -> tuple[str, ...]:
    """
    Read the features of a recipient.

    @return: each once, in order; what is too long or too much is left out.
    """
    found = (each.strip() for each in _SEPARATORS.split(text))
    fit = dict.fromkeys(each for each in found if 0 < len(each) <= _FEATURE_MOST)
    return tuple(fit)[:_FEATURES_MOST]


__all__ = ["features"]
