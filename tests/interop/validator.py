"""
A check of tokens, for servers in processes of their own: a token is the user's
name behind C{token-of-}.
"""

from __future__ import annotations


async def check(token: bytes, user: bytes) -> bytes | None:
    """Whose a token is; see L{smtpx.policy.tokens.TokenCheck}."""
    found = token.removeprefix(b"token-of-")
    return None if found == token else found
