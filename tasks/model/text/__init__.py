"""From a raw text to its tokens."""
