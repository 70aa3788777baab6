"""Where the emulator differs from a real API server on purpose, and why: tests that a real one fails."""

from __future__ import annotations

_REASONS = {
    "test_service_proxy.py": (
        "it calls endpoints at 127.0.0.0/8, where the sandbox's processes are, without asking for a Pod "
        "behind each; a real server refuses such addresses, and calls Pods that the endpoint names only"
    ),
    "protobuf-415": "it reads JSON and YAML only, and refuses protobuf; a real server reads that too",
    "test_a_forgotten_revision_is_gone": "its history is compacted at will; a real server's only in time",
    "test_a_watch_ends_in_time_with_a_bookmark": (
        "it sends a bookmark whenever a watch ends; a real server sends one a minute, "
        "and two seconds before an end"
    ),
    "test_initial_events_end_with_a_bookmark": (
        "it streams initial events always; a real server only over an etcd that reports progress (3.4.31, "
        "3.5.13 or later; Debian's 3.4.23 does not), else it answers with an error, and clients list instead"
    ),
}


def reason(file: str, test: str) -> str | None:
    """Why a test is the emulator's alone; None for one that both pass."""
    return next((text for name, text in _REASONS.items() if name == file or name in test), None)
