"""The demo: podinfo released end to end in the sandbox, with the commands that anybody would type."""
