"""How is the daemon asked and told? HTTP over a Unix socket, JSON both ways, typed."""
