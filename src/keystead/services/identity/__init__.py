"""Tokens, log-in methods, groups and roles."""
