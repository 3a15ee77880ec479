"""Where do phones leave their reports: one port on loopback, and what it keeps out?"""
