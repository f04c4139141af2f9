"""Many people with real devices, made quickly: whom bots have to share keys with."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import vodozemac

from banyan.matrix import Api
from bots.client.canonical import canonical_json
from bots.client.signing import Seeds, sign_device
from tests.live.bare_synapse import BareSynapse

AT_ONCE = 4
ONE_TIME_KEYS = 5


@dataclass(frozen=True)
class Person:
    """One account with one device, owner-signed unless asked otherwise."""

    user_id: str
    device_id: str
    access_token: str
    account: vodozemac.Account
    seeds: Seeds


async def crowd(
    synapse: BareSynapse,
    size: int,
    *,
    prefix: str = "b_m",
    signed: bool = True,
    one_time_keys: int = ONE_TIME_KEYS,
) -> list[Person]:
    """Register `size` people with devices, each good for `one_time_keys` strangers."""
    limit = asyncio.Semaphore(AT_ONCE)
    async with Api(synapse.url, synapse.as_token) as service:

        async def one(number: int) -> Person:
            async with limit:
                return await _person(
                    synapse, service, f"{prefix}{number}", signed=signed, one_time_keys=one_time_keys
                )

        return list(await asyncio.gather(*(one(number) for number in range(size))))


async def join_all(synapse: BareSynapse, people: Sequence[Person], room_id: str) -> None:
    """Let everybody join a public room."""
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(person: Person) -> None:
        async with limit, Api(synapse.url, person.access_token) as api:
            await api.request("POST", "/join/{}", room_id)

    await asyncio.gather(*(one(person) for person in people))


async def _person(
    synapse: BareSynapse, service: Api, localpart: str, *, signed: bool, one_time_keys: int
) -> Person:
    body = {"type": "m.login.application_service", "username": localpart}
    answer = await service.request("POST", "/register", body=body)
    login = (answer["user_id"], answer["device_id"], answer["access_token"])
    return await equip(synapse.url, *login, signed=signed, one_time_keys=one_time_keys)


async def equip(
    url: str,
    user_id: str,
    device_id: str,
    access_token: str,
    *,
    signed: bool = True,
    one_time_keys: int = ONE_TIME_KEYS,
) -> Person:
    """Publish keys for the device of an account that has just been made."""
    account = vodozemac.Account()
    account.generate_one_time_keys(one_time_keys)
    person = Person(user_id, device_id, access_token, account, Seeds.new())
    keys = _signed(
        person,
        {
            "user_id": user_id,
            "device_id": device_id,
            "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
            "keys": {
                f"curve25519:{device_id}": account.curve25519_key.to_base64(),
                f"ed25519:{device_id}": account.ed25519_key.to_base64(),
            },
        },
    )
    one_time = {
        f"signed_curve25519:{name}": _signed(person, {"key": key.to_base64()})
        for name, key in account.one_time_keys.items()
    }
    async with Api(url, access_token) as api:
        await api.request("POST", "/keys/upload", body={"device_keys": keys, "one_time_keys": one_time})
        account.mark_keys_as_published()
        if signed:
            await api.request("POST", "/keys/device_signing/upload", body=person.seeds.public_keys(user_id))
            await sign_device(api, person.seeds, keys)
    return person


def _signed(person: Person, value: dict[str, Any]) -> dict[str, Any]:
    signature = person.account.sign(canonical_json(value)).to_base64()
    return value | {"signatures": {person.user_id: {f"ed25519:{person.device_id}": signature}}}
