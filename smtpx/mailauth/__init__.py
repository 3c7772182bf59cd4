"""
Whether mail is from whom it says: SPF, DKIM, ARC, DMARC, and what keeps them true
when mail is forwarded.
"""
