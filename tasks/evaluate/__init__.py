"""Score the model and a linear yardstick on the test rows, and write the report of both."""
