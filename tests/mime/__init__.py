"""
Tests for L{smtpx.mime}.
"""
