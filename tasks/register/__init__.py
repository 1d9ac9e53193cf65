"""Package a model, register it, and decide whether it becomes the champion."""
