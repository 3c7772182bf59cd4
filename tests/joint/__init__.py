"""Tests for L{smtpx.joint}."""
