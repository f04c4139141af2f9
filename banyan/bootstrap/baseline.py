"""What our own files say of the homeserver and of our accounts, and what their keys are worth."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from banyan.domain.people import OUR_LOCALPARTS
from banyan.services.world import Baseline, lookup
from banyan.settings import Home
from bots.client import Credentials, Files, Seeds
from bots.client.retired import retired
from bots.client.trust import read_devices, read_identity
from homeserver.config import HomeserverSpec, Paths, configuration
from homeserver.hardening import HARDENING
from homeserver.registrations import registered

OF_THIS_HOME: Final = {
    "server_name": "it is half of every user id",
    "listeners": "nothing else listens, and only where it shall",
    "retention.default_policy": "messages end",
    "retention.allowed_lifetime_max": "no room keeps messages for longer",
    "media_retention.local_media_lifetime": "files end",
}
"""Settings that differ from home to home, and why each has to be as it was rendered."""


def baseline_of(home: Home, spec: HomeserverSpec, partners: Collection[str] = ()) -> Baseline:
    """Read what we gave the homeserver and our accounts. An account without files has nothing to compare.

    `partners` are the servers that are spoken with now: another process may have cut one off.
    """
    spec = replace(spec, federation_whitelist=tuple(sorted(partners)))
    rendered = configuration(Paths(home.path.resolve()), spec)
    settings = [(key, setting.value, setting.reason) for key, setting in HARDENING.items()]
    settings += [(key, lookup(rendered, key), reason) for key, reason in OF_THIS_HOME.items()]
    settings.append(("modules", _as_told(rendered["modules"]), "nothing but our gate runs inside of it"))
    devices, lost, identities = {}, {}, {}
    for name in OUR_LOCALPARTS:
        files = Files(home.secrets, name)
        if files.credentials.exists():
            devices[name] = Credentials.load(files.credentials).device_id
        lost[name] = frozenset(each.device_id for each in retired(files.retired))
        if seeds := Seeds.load(files.seeds):
            identities[name] = seeds.identity
    warden = home.secret("warden.identity")  # its seeds are offline
    if warden.exists():
        identities["warden"] = warden.read_text().strip()
    services = registered(server_name=spec.server_name, warden_url=spec.private_url)
    return Baseline(settings, frozenset(rendered), services, devices, lost, identities)


def _as_told(modules: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Modules as the gate tells of them: without the text that says where a secret lies."""
    return [
        {**each, "config": {key: value for key, value in each["config"].items() if key != "secret_path"}}
        for each in modules
    ]


def judged(user_id: str, answer: Mapping[str, Any]) -> tuple[str | None, Mapping[str, bool]]:
    """What a /keys/query answer says of a person: their master key, and which devices they vouch for."""
    identity = read_identity(user_id, answer)
    devices = read_devices(user_id, answer, identity)
    return identity.master_key if identity else None, {each.device_id: each.owner_signed for each in devices}
