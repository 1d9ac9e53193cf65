"""What exported folders run, with NumPy and the standard library alone; bundle.py makes one file of it and of what it uses."""
