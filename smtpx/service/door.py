"""
What C{twistd} opens: L{smtpx.service.maker}, brought in as fast as can be.
"""

from .garbage import undisturbed

with undisturbed():
    from .maker import Options, makeService

__all__ = ["Options", "makeService"]
