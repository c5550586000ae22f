"""Copies of the audit log elsewhere. A sink may lag; it never blocks and nothing is skipped.

A ``shipper.Shipper`` thread a sink reads the durable segments and keeps its place in a
cursor file, so that delivery is at least once, in order. Sinks: ``file``, ``syslog``,
``webhook``, each with a config that opens it.
"""
