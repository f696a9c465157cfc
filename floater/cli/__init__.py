"""The client without a window."""
