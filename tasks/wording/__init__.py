"""Sentences that people read: written in English where they are said, and read in the language that was asked for."""
