"""What the running Synapse was started with: its settings without secrets, its application services."""

from collections.abc import Mapping
from typing import Any, Final

from synapse.config._base import read_config_files
from synapse.module_api import ModuleApi

_SECRET: Final = ("secret", "key", "pass", "token", "dsn", "path", "pepper")
"""Parts of names under which a text may be a secret or say where one lies."""


def running_settings(api: ModuleApi) -> dict[str, Any]:
    """Read the files that this process was started from. Call it while Synapse starts: they may change later.

    Texts under a telling name are left out; yes or no, numbers and what holds them stay, for settings such as
    `registration_requires_token` and `password_config.policy` are what the audit asks about.
    """
    files = api._hs.config.config_files  # noqa: SLF001 - modules are not told otherwise
    return dict(_bare(read_config_files(files), telling=False))


def running_services(api: ModuleApi) -> list[dict[str, Any]]:
    """Return the application services that this process knows, without their tokens."""
    return [
        {
            "id": service.id,
            "url": service.url,
            "users": [[each.regex.pattern, each.exclusive] for each in service.namespaces["users"]],
            "rooms": [each.regex.pattern for each in service.namespaces["rooms"]],
            "aliases": [each.regex.pattern for each in service.namespaces["aliases"]],
        }
        for service in api._store.get_app_services()  # noqa: SLF001 - modules are not told otherwise
    ]


def _bare(value: Any, *, telling: bool) -> Any:
    """Return the value without texts that may be secret. Below a telling name every name is one."""
    if isinstance(value, Mapping):
        named = ((str(name), each, telling or _is_telling(str(name))) for name, each in value.items())
        return {
            name: _bare(each, telling=tells) for name, each, tells in named if not (tells and _is_text(each))
        }
    if isinstance(value, list):
        return [_bare(each, telling=telling) for each in value if not (telling and _is_text(each))]
    return str(value) if _is_text(value) else value


def _is_text(value: Any) -> bool:
    """Whether it is text, or something that only text can carry (YAML also reads dates)."""
    return not (value is None or isinstance(value, bool | int | float | list | Mapping))


def _is_telling(name: str) -> bool:
    return any(part in name.lower() for part in _SECRET)
