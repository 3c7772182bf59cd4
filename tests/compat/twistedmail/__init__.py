"""
Tests for L{smtpx.compat.twistedmail}.
"""
