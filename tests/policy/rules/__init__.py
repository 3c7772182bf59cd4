"""Tests for L{smtpx.policy.rules}."""
