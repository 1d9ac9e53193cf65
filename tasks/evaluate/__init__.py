"""evaluate: what the model scores on the test rows, beside a linear yardstick, and the report of both."""
