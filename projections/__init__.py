"""What it means: pure folds over the log, one file a question."""
