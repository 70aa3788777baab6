"""The whole world on one machine, with real parts, for the demo and the tests: see `world.World`."""
