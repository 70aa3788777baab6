"""Faults: a scene in which releases run under traffic, what is done to them, and what has to hold then."""
