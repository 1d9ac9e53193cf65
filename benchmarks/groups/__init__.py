"""One module a group of rows: `group(quick)` gives its `benchmarks.rows.Group`. The order of the campaign is in `__main__`."""
