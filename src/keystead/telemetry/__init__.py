"""What operators see: metrics, traces, logs. A leaf: it knows of calls and operations only."""
