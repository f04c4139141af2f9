"""The peer: nio's own client, used as its documentation says."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nio import AsyncClient, AsyncClientConfig, RoomSendResponse, SyncResponse

from benchmarks.parts import Place, Stage
from bots.client import Api, register


@dataclass(frozen=True)
class StockDevice:
    """A device of an account that nio speaks for."""

    stage: Stage
    user_id: str
    device_id: str
    token: str
    store: Path

    def open(self) -> AsyncClient:
        """Open its store, as after a restart."""
        config = AsyncClientConfig(encryption_enabled=True, store_sync_tokens=False, pickle_key="benchmark")
        client = AsyncClient(
            self.stage.synapse.url, self.user_id, self.device_id, store_path=str(self.store), config=config
        )
        client.restore_login(self.user_id, self.device_id, self.token)
        return client


async def new_stock_device(stage: Stage, localpart: str, places: Iterable[Place]) -> StockDevice:
    """A new device with published keys, let into the places."""
    synapse = stage.synapse
    await register(homeserver_url=synapse.url, as_token=synapse.as_token, localpart=localpart)
    device_id = f"STOCK{secrets.token_hex(4).upper()}"
    body = {
        "type": "m.login.application_service",
        "identifier": {"type": "m.id.user", "user": localpart},
        "device_id": device_id,
    }
    async with Api(synapse.url, synapse.as_token) as api:
        answer = await api.request("POST", "/login", body=body)
    store = stage.directory / localpart
    store.mkdir(exist_ok=True)
    device = StockDevice(stage, answer["user_id"], device_id, answer["access_token"], store)
    client = device.open()
    try:
        await client.keys_upload()
    finally:
        await client.close()
    for place in places:
        await stage.join(device.user_id, place.room_id)
    return device


async def catch_up(client: AsyncClient, *, full: bool = False) -> None:
    """One sync and what `sync_forever` does after it. Raises as `expect`."""
    answer = await client.sync(timeout=0, full_state=full)
    expect(SyncResponse, answer)
    if client.should_upload_keys:
        await client.keys_upload()
    if client.should_query_keys:
        await client.keys_query()


async def send(client: AsyncClient, room_id: str, content: dict[str, object]) -> None:
    """Send as nio does. Raises as `expect`."""
    answer = await client.room_send(room_id, "m.room.message", content, ignore_unverified_devices=True)
    expect(RoomSendResponse, answer)


def expect(kind: type, answer: object) -> None:
    """Raise RuntimeError where nio returns an error instead of raising it."""
    if isinstance(answer, kind):
        return
    raise RuntimeError(f"nio: {type(answer).__name__}")
