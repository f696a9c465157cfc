"""Every decision of the client: machines only, no effect (see `floater/machine.py`)."""
