"""
Tests for L{smtpx.compat.aiosmtpd}.
"""
