"""Tests for L{smtpx.policy.strangers}."""
