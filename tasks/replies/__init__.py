"""From a label to an answer: what a package replies, and what that comes to on the test rows."""
