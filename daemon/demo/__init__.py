"""What does a newcomer see first? A real daemon, made-up providers, told as it happens."""
