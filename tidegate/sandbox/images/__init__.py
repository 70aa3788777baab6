"""What the sandbox's containers run: look-alikes of known images, as plain Python programs."""
