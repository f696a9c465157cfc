"""Keys, certificates and proofs. The server imports it too."""
