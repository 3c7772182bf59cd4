"""Tests for L{smtpx.policy.bmi}."""
