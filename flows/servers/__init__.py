"""Starting servers, watching over them, and keeping schedules alive."""
