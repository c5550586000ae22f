"""Keystead, a self-hosted key-management system."""

__version__ = "0.1.0"
