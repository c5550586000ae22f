"""How a node starts, runs and stops."""
