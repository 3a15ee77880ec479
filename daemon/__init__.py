"""What to do about it: pure decisions, and the shell that acts."""
