"""What stays on this computer: settings, the log-in token, files the person accepted."""
