"""
Tests for L{smtpx.compat}.
"""
