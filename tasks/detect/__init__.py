"""Find changes in a stream: surges of negative documents, the words behind them, and drift away from the training data."""
