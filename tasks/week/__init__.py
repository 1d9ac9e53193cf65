"""What happened in a week of a monitor, against the week before: one message of facts, for those who read no alert."""
