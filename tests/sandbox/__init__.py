"""Tests of the sandbox, by its parts."""
