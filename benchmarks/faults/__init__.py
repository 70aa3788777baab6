"""Faults, one at a time, in releases under way: what breaks, and what has to be true after each."""
