"""Where the parts of a large work are done: in this process, or in several. No byte of a result depends on it."""
