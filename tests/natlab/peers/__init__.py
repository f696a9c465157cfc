"""What FLOATER is compared with, on the same pairs in the same laboratory."""
