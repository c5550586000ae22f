"""Keystead beside a real OpenBao, in the same run on the same machine."""
