"""
Workers that have keys in common, without a fork.
"""

from __future__ import annotations

from copy import copy

from OpenSSL import SSL

from smtpx.tls.sharedkeys import SharedKeys


def forked(keys: SharedKeys) -> SharedKeys:
    """
    What a process that is forked now has of them: what it does to its own is not done
    to the others', but for the memory that they share.
    """
    made = copy(keys)
    made._series = {name: copy(series) for name, series in keys._series.items()}
    for series in made._series.values():
        series.contexts = {
            number: _again(context) for number, context in series.contexts.items()
        }
    return made


def _again(context: SSL.Context) -> SSL.Context:
    """The same of OpenSSL's, as pyOpenSSL would have it that has not used it yet."""
    made = copy(context)
    vars(made)["_used"] = False
    return made


__all__ = ["forked"]
