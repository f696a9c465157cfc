"""The faces in a terminal: headless, doctor, host and demo."""
