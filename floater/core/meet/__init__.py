"""The links of one match: where the peer may be, how to get there, which way is taken."""
