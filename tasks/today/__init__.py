"""How good the model is today, and what has changed, where nobody labels the stream."""
