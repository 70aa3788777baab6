"""What an installation may choose: clusters, neighbours, Git, timings and the worker.

Read once, at the entry points, by `load_settings`; everything else is handed a `Settings`. The file is
`tidegate.toml` (its path from TIDEGATE_CONFIG, else the one in the current folder, if there is one). The
environment overrides it: TIDEGATE_<SECTION>__<FIELD>, with `__` between the levels. Temporal's own
connection is not here: `temporalio.envconfig` reads it.
"""

from tidegate.settings.loader import load_settings
from tidegate.settings.model import (
    AlertSettings,
    ClusterSettings,
    GitCredential,
    GitSettings,
    LoadSettings,
    MeshSettings,
    ReleaseSettings,
    Settings,
    SettingsError,
    WorkerSettings,
)
from tidegate.settings.reach import check_further_clusters
from tidegate.settings.reference import settings_reference
from tidegate.settings.security import AddressSettings, CodecServerSettings, EncryptionKey, EncryptionSettings

__all__ = [
    "AddressSettings",
    "AlertSettings",
    "ClusterSettings",
    "CodecServerSettings",
    "EncryptionKey",
    "EncryptionSettings",
    "GitCredential",
    "GitSettings",
    "LoadSettings",
    "MeshSettings",
    "ReleaseSettings",
    "Settings",
    "SettingsError",
    "WorkerSettings",
    "check_further_clusters",
    "load_settings",
    "settings_reference",
]
