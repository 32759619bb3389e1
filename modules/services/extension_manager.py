"""All that manages the extensions of a running server, built once."""

from __future__ import annotations

from dataclasses import dataclass

from modules.config.settings import SettingsStore
from modules.hooks.extension_states import ExtensionStates
from modules.hooks.extension_store import ExtensionStore
from modules.hooks.extensions import Extensions
from modules.services.extension_backups import ExtensionBackups
from modules.services.extension_changes import ExtensionChanges
from modules.services.extension_index import ExtensionIndex
from modules.services.extension_installing import ExtensionInstaller
from modules.services.extensions import ExtensionService


@dataclass(frozen=True)
class ExtensionManager:
    """Installing, changing, listing and keeping extensions."""

    installer: ExtensionInstaller
    changes: ExtensionChanges
    index: ExtensionIndex
    backups: ExtensionBackups

    def allow(self, *, private_addresses: bool, folders: bool) -> None:
        """What the owner of the server lets through: addresses of its own network, and folders of this computer."""
        self.installer.allow_private = self.index.allow_private = private_addresses
        self.installer.takes_folders = folders

    def close(self) -> None:
        """Give up whatever is at work."""
        self.installer.close()
        self.backups.close()


def open_extension_manager(
    extensions: Extensions, states: ExtensionStates, service: ExtensionService, settings: SettingsStore
) -> ExtensionManager:
    """The manager of the extensions of a service; starts nothing."""
    store = ExtensionStore(extensions.root, states)
    installer = ExtensionInstaller(extensions, store, service.check, service.changing)
    changes = ExtensionChanges(extensions, states, store, service.check, service.changing)
    return ExtensionManager(
        installer, changes, ExtensionIndex(settings), ExtensionBackups(extensions, service, installer, changes)
    )
