"""Secrets: values in versions, what tokens keep for themselves, and their sweeping."""
