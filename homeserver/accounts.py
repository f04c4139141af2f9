"""Making our own accounts. Safe to repeat and to be killed at any point."""

import hashlib
import hmac
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from banyan.errors import BanyanError
from banyan.files import create_secret
from banyan.matrix import Api, MatrixError, register_by_service
from homeserver import names
from homeserver.admin import V1, Admin


class TokenLost(BanyanError):
    """The registrar exists but nobody holds its token."""

    code = "token-lost"


@dataclass(frozen=True)
class Accounts:
    """What provisioning leaves behind."""

    registrar_token: str = field(repr=False)
    keeper_token: str | None = field(repr=False)
    """None while the keeper's token is kept offline."""


async def provision(homeserver_url: str, server_name: str, secrets_dir: Path) -> Accounts:
    """Make keeper, warden, registrar, desk, alarm and steward where they are missing.

    Tokens land in `secrets_dir` as files of mode 0600. They never expire and are never renewed: a
    `keeper.token` that was taken offline stays away. The warden and the speakers get no device here.
    Raises TokenLost, MatrixError, HomeserverDown.
    """
    registrar_token = await _with_token(homeserver_url, secrets_dir, names.REGISTRAR, admin=True)
    async with Admin(homeserver_url, registrar_token) as registrar:
        keeper_token: str | None = None
        known = await registrar.user(f"@{names.KEEPER}:{server_name}") is not None
        if (
            not known
            or _token_file(secrets_dir, names.KEEPER).exists()
            or _pending(secrets_dir, names.KEEPER)
        ):
            keeper_token = await _with_token(homeserver_url, secrets_dir, names.KEEPER, admin=False)
        await _register_by_service(homeserver_url, secrets_dir, names.WARDEN_SERVICE, (names.WARDEN,))
        await _register_by_service(homeserver_url, secrets_dir, names.SPEAKERS_SERVICE, names.SPEAKERS)
        for name in names.OWN:
            await registrar.override_ratelimit(f"@{name}:{server_name}")
    return Accounts(registrar_token, keeper_token)


async def _with_token(homeserver_url: str, secrets_dir: Path, name: str, *, admin: bool) -> str:
    """Return the token of an account that is an ordinary one with a random password nobody keeps.

    The password is written down until the token is safe: killed in between, the next run logs in with it.
    """
    token_file = _token_file(secrets_dir, name)
    pending = _pending_file(secrets_dir, name)
    if not token_file.exists():
        password = create_secret(pending)
        shared = (secrets_dir / "registration_shared_secret").read_text(encoding="utf-8").strip()
        async with Api(homeserver_url, None) as api:
            try:
                answer = await register_by_secret(api, shared, name, password, admin=admin)
            except MatrixError as error:
                if error.errcode != "M_USER_IN_USE":
                    raise
                answer = await _log_in(api, name, password)
        create_secret(token_file, str(answer["access_token"]))
    pending.unlink(missing_ok=True)
    return token_file.read_text(encoding="utf-8").strip()


async def register_by_secret(
    api: Api, shared: str, name: str, password: str, *, admin: bool = False
) -> dict[str, Any]:
    """Register with the shared secret: the only way to make a server admin without another.

    Returns `user_id`, `device_id` and `access_token`.
    """
    nonce = (await api.request("GET", f"{V1}/register"))["nonce"]
    fields = (nonce, name, password, "admin" if admin else "notadmin")
    mac = hmac.new(shared.encode(), "\x00".join(fields).encode(), hashlib.sha1).hexdigest()
    body = {"nonce": nonce, "username": name, "password": password, "admin": admin, "mac": mac}
    return dict(await api.request("POST", f"{V1}/register", body=body))


async def _log_in(api: Api, name: str, password: str) -> dict[str, Any]:
    body = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": name},
        "password": password,
    }
    try:
        return dict(await api.request("POST", "/login", body=body))
    except MatrixError as error:
        if error.status != 403:  # noqa: PLR2004
            raise
        raise TokenLost(
            f"The account {name} exists but its token file is gone. "
            f"Put secrets/{name}.token back from the backup."
        ) from None


async def _register_by_service(
    homeserver_url: str, secrets_dir: Path, service: str, accounts: tuple[str, ...]
) -> None:
    """Make accounts without a device: whoever has none gets no message keys."""
    token = (secrets_dir / f"{service}.as_token").read_text(encoding="utf-8").strip()
    async with Api(homeserver_url, token) as api:
        for name in accounts:
            await register_by_service(api, name)


def _token_file(secrets_dir: Path, name: str) -> Path:
    return secrets_dir / f"{name}.token"


def _pending_file(secrets_dir: Path, name: str) -> Path:
    return secrets_dir / f"{name}.pending"


def _pending(secrets_dir: Path, name: str) -> bool:
    return _pending_file(secrets_dir, name).exists()
