"""The command line: what CI and people start, watch and steer releases with. One file per command."""
