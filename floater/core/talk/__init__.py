"""What is said over links: messages, the greeting, files."""
