"""The rooms of the pipeline: one folder per step, pure modules and one `task.py` in each."""
