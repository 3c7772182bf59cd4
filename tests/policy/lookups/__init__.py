"""Tests for L{smtpx.policy.lookups}."""
