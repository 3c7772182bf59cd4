"""
What spam filters have found, as Exim's variables tell it.
"""

from __future__ import annotations

#: The most signs of a bar.
BAR_MOST = 50


def scored(score: float, threshold: float, spam: bool) -> dict[str, object]:
    """
    What variables and conditions tell of a score.

    @param score: in points.
    @param threshold: from which on the filter calls it spam.
    @param spam: does it?
    """
    return {
        "spam": spam,
        "spam_score": round(score, 3),
        "spam_score_int": int(round(score * 10, 6)),
        "spam_bar": bar(score),
        "spam_threshold": round(threshold, 3),
    }


def bar(score: float) -> str:
    """A sign for each point."""
    signs = min(int(abs(score)), BAR_MOST)
    if not signs:
        return "/"
    return ("-" if score < 0 else "+") * signs


__all__ = ["BAR_MOST", "bar", "scored"]
