"""From nothing to a device that others trust: log in, publish keys, vouch for them. Only then is it used.

The device lives as long as its store: the same store is the same device for ever, a new store is a new
device. A device id with another device's keys would be unreadable to everyone who had seen the first.
"""

import secrets as random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from time import time

from banyan.matrix import Api, MatrixError, register_by_service
from bots.client.canonical import Json
from bots.client.credentials import Credentials
from bots.client.errors import LoginExpires
from bots.client.olm import Olm, publish_keys
from bots.client.retired import end_due, retire
from bots.client.signing import Seeds, publish_identity, published_master, sign_device
from bots.client.store import Store

DEVICE_ID_BYTES = 6

Publish = Callable[[Api], Awaitable[Json]]
"""Uploads what a device has to publish and returns its public keys."""
Relogin = Callable[[str, Publish], Awaitable[Credentials]]
"""Logs in the device of this id again, and has its keys published by it."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where the secrets of one account are."""

    directory: Path
    localpart: str

    @property
    def credentials(self) -> Path:
        """The device's login."""
        return self.directory / f"{self.localpart}.credentials.json"

    @property
    def retired(self) -> Path:
        """Its devices of which the store was lost."""
        return self.directory / f"{self.localpart}.retired.json"

    @property
    def seeds(self) -> Path:
        """The account's cross-signing identity: to be backed up, and kept for ever."""
        return self.directory / f"{self.localpart}.seeds"


async def provision(
    *,
    homeserver_url: str,
    as_token: str,
    localpart: str,
    server_name: str,
    secrets: Path,
    store: Path,
    pickle_key: str,
) -> Credentials:
    """Make an application service's account ready to speak, or ready again. Idempotent.

    `secrets` is a directory, `store` the file Client.open is given later; it must not be open meanwhile.
    Raises LoginExpires, IdentityLost, SigningFailed, StoreInUse, WrongStore and what Api.request raises.
    """
    user_id = f"@{localpart}:{server_name}"
    files = Files(secrets, localpart)
    await register(homeserver_url=homeserver_url, as_token=as_token, localpart=localpart)
    await _restore_identity(homeserver_url, as_token, user_id, files)

    async def log_in(device_id: str) -> Credentials:
        return await login_as_service(
            homeserver_url=homeserver_url, as_token=as_token, user_id=user_id, device_id=device_id
        )

    return await _equip(
        homeserver_url, user_id, files, store_path=store, pickle_key=pickle_key, log_in=log_in
    )


async def login_password(
    *, homeserver_url: str, user_id: str, password: str, secrets: Path, store: Path, pickle_key: str
) -> Credentials:
    """Do the same for a person's account, as their client would. Raises as `provision` does."""
    files = Files(secrets, user_id[1:].partition(":")[0])

    async def log_in(device_id: str) -> Credentials:
        login = {"type": "m.login.password", "password": password}
        return await _login(homeserver_url, None, user_id, device_id, login)

    return await _equip(
        homeserver_url, user_id, files, store_path=store, pickle_key=pickle_key, log_in=log_in
    )


def relogin(
    *, homeserver_url: str, as_token: str, localpart: str, server_name: str, secrets: Path
) -> Relogin:
    """What Client.open takes as `relogin`: the same device logs in again and is vouched for again.

    The client has the store open and publishes the keys itself, before anything is signed.
    """
    files = Files(secrets, localpart)

    async def again(device_id: str, publish: Publish) -> Credentials:
        await _restore_identity(homeserver_url, as_token, f"@{localpart}:{server_name}", files)
        credentials = await login_as_service(
            homeserver_url=homeserver_url,
            as_token=as_token,
            user_id=f"@{localpart}:{server_name}",
            device_id=device_id,
        )
        await _vouch(homeserver_url, credentials, files, publish)
        credentials.save(files.credentials)
        return credentials

    return again


async def register(*, homeserver_url: str, as_token: str, localpart: str) -> None:
    """Register an application service's account, without a device. Nothing happens when it exists."""
    async with Api(homeserver_url, as_token) as api:
        await register_by_service(api, localpart)


async def login_as_service(
    *, homeserver_url: str, as_token: str, user_id: str, device_id: str
) -> Credentials:
    """Log in a device of an application service's account. Raises LoginExpires."""
    return await _login(homeserver_url, as_token, user_id, device_id, {"type": "m.login.application_service"})


async def _login(
    homeserver_url: str, token: str | None, user_id: str, device_id: str, login: Json
) -> Credentials:
    body = login | {
        "identifier": {"type": "m.id.user", "user": user_id},
        "device_id": device_id,
        "initial_device_display_name": random.token_hex(
            4
        ),  # other members see it: it must not say what this is
    }
    async with Api(homeserver_url, token) as api:
        answer = await api.request("POST", "/login", body=body, repeatable=True)
    if "expires_in_ms" in answer or "refresh_token" in answer:
        raise LoginExpires
    return Credentials(answer["user_id"], answer["device_id"], answer["access_token"])


async def _equip(
    homeserver_url: str,
    user_id: str,
    files: Files,
    *,
    store_path: Path,
    pickle_key: str,
    log_in: Callable[[str], Awaitable[Credentials]],
) -> Credentials:
    store = Store(store_path)
    try:
        device_id = store.meta("device_id") or f"B{random.token_hex(DEVICE_ID_BYTES).upper()}"
        store.set_meta("device_id", device_id)
        olm = Olm(store, user_id, device_id, pickle_key, clock=time)
        credentials = await _standing_login(homeserver_url, files, device_id) or await log_in(device_id)
        retire(files.retired, files.credentials, device_id, time())
        credentials.save(files.credentials)
        await _vouch(homeserver_url, credentials, files, lambda api: publish_keys(api, olm))
        await end_due(files.retired, homeserver_url, time())
    finally:
        store.close()
    return credentials


async def _standing_login(homeserver_url: str, files: Files, device_id: str) -> Credentials | None:
    """Find the login of an earlier run, if it still stands: a second one would end the first."""
    try:
        credentials = Credentials.load(files.credentials)
    except FileNotFoundError:
        return None
    if credentials.device_id != device_id:
        return None
    async with Api(homeserver_url, credentials.access_token) as api:
        try:
            answer = await api.request("GET", "/account/whoami")
        except MatrixError:
            return None
    return credentials if answer.get("device_id") == device_id else None


async def _restore_identity(homeserver_url: str, as_token: str, user_id: str, files: Files) -> None:
    """Take a new identity where somebody has replaced ours: one stolen token must not silence a bot.

    The old one cannot be published again (Synapse 1.163 answers 500 to a key it has seen before); its seeds
    are kept beside the new ones. Where our seeds are not here, nothing is done: a person has to decide.
    """
    seeds = Seeds.load(files.seeds)
    if seeds is None:
        return
    async with Api(homeserver_url, as_token, as_user=user_id) as api:
        if await published_master(api, user_id) in (None, seeds.identity):
            return
        files.seeds.rename(files.seeds.with_suffix(f".replaced-{random.token_hex(4)}"))
        await publish_identity(api, user_id, files.seeds, replace=True)


async def _vouch(homeserver_url: str, credentials: Credentials, files: Files, publish: Publish) -> None:
    async with Api(homeserver_url, credentials.access_token) as api:
        device_keys = await publish(api)
        seeds = await publish_identity(api, credentials.user_id, files.seeds)
        await sign_device(api, seeds, device_keys)
