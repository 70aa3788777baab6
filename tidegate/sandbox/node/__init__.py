"""The kubelet's role: pods become local processes. `Node` is the way in."""

from tidegate.sandbox.node.node import Node

__all__ = ["Node"]
