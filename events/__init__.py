"""What happened: the typed vocabulary, its codec, and the append-only log."""
