"""The room that shows what the monitor knows: one HTML page that needs nothing but a browser."""
