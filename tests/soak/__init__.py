"""An hour of mixed load, and what the dashboard holds meanwhile."""
