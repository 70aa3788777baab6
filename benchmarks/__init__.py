"""What the figures in the README come from: each module measures one thing in a sandbox of its own."""
