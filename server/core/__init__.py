"""Every decision of the server: pure, the same shape as `floater/core`."""
