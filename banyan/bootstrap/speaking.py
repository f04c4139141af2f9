"""The accounts that speak, at work: provisioned, listening, draining their part of the outbox."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypedDict

from banyan.bootstrap.crew import Crew, draining
from banyan.bootstrap.hearing import hearing
from banyan.bootstrap.home import Parts
from banyan.domain.approvals import ProposalKind
from banyan.domain.effects import Actor
from banyan.errors import BanyanError
from banyan.services.outbox import Drain, Handler
from banyan.services.traces import Traces
from bots.alarm import Alarm
from bots.alert_preview import AlertPreview
from bots.announcing import Announcements
from bots.brake import Brake
from bots.client import Client, KeyPolicy, provision, relogin
from bots.declare import Where
from bots.desk import Desk
from bots.dispatch import Dispatcher
from bots.gatherings import Host
from bots.invitations import Invitations
from bots.keys import KeyRoster
from bots.outgoing import Outgoing
from bots.proposals import PREVIEWS, Preview, Proposals
from bots.rollcall import Asking, Telling
from bots.steward import Steward, where_they_are
from bots.welcoming import Welcome

READY_SECONDS = 120


class _Login(TypedDict):
    homeserver_url: str
    as_token: str
    localpart: str
    server_name: str
    secrets: Path


POLICIES = {
    Actor.ALARM: KeyPolicy.EVERY_DEVICE,
    Actor.DESK: KeyPolicy.OWNER_SIGNED,
    Actor.STEWARD: KeyPolicy.OWNER_SIGNED,
}

Equip = Callable[[Parts, Client, Outgoing], Awaitable[Mapping[str, Handler]]]


async def _alarm(parts: Parts, client: Client, outgoing: Outgoing) -> Mapping[str, Handler]:
    alarm = Alarm(outgoing, parts.alerts)
    await alarm.recall()
    client.on_receipt(alarm.saw)
    return alarm.handlers


async def _desk(parts: Parts, client: Client, outgoing: Outgoing) -> Mapping[str, Handler]:
    desk = Desk(client, outgoing, parts.chats, parts.vault, Traces(parts.work, parts.clock))
    answers = hearing(parts)
    client.on_message(Dispatcher(Actor.DESK, Where.CHAT, answers).hear)
    host = Host(client, desk, parts.gatherings, parts.chats, parts.clock)
    client.on_message(host.heard)
    client.on_report(desk.reported)
    welcome = Welcome(desk, parts.chats, answers)
    client.on_report(welcome.reported)
    client.on_membership(welcome.joined)
    await welcome.catch_up()
    invitations = Invitations(desk, parts.addresses.web_url)
    brake = Brake(desk.speak, parts.freezing, parts.work)
    announcements = Announcements(desk)
    asking = Asking(desk, parts.roll_call)
    equipped = (desk, host, asking, invitations, brake, announcements)
    return {kind: handler for each in equipped for kind, handler in each.handlers.items()}


async def _steward(parts: Parts, client: Client, outgoing: Outgoing) -> Mapping[str, Handler]:
    client.on_message(Dispatcher(Actor.STEWARD, Where.STAFF, hearing(parts)).hear)
    previews: dict[ProposalKind, Preview] = {**PREVIEWS, ProposalKind.ALERT: AlertPreview(parts.network)}
    proposals = Proposals(outgoing, parts.approvals, parts.work, previews)
    telling = Telling(outgoing, parts.roll_call)
    brake = Brake(outgoing.send, parts.freezing, parts.work)
    said = where_they_are(parts.work, Steward(outgoing).handlers)
    return {**said, **proposals.handlers, **telling.handlers, **brake.handlers}


SPEAKERS: Mapping[Actor, Equip] = {Actor.ALARM: _alarm, Actor.DESK: _desk, Actor.STEWARD: _steward}


@asynccontextmanager
async def speaking(parts: Parts, crew: Crew, actor: Actor) -> AsyncIterator[None]:
    """Let one account listen and speak until the block ends. Its rooms are warm when the block begins."""
    login = credentials_of(parts, actor)
    pickle_key = parts.vault.mac("pickle", actor)
    store = parts.home.bot_store(actor)
    client = await Client.open(
        homeserver_url=parts.addresses.homeserver,
        credentials=await provision(**login, store=store, pickle_key=pickle_key),
        store=store,
        pickle_key=pickle_key,
        roster=KeyRoster(parts.roster, POLICIES[actor]),
        relogin=relogin(**login),
        keep_warm=actor is not Actor.DESK,  # thousands of chats: their keys wait for the first word
    )
    listening = f"{actor}-listening"
    try:
        handlers = await SPEAKERS[actor](parts, client, Outgoing(client, parts.clock))
        crew.start(listening, client.run())
        parts.signs[actor] = lambda: client.well
        with suppress(TimeoutError):  # cold, but it can speak; /health says when it cannot hear
            await client.ready(READY_SECONDS)
        drain = Drain(parts.work, actor, handlers, parts.clock, device_id=lambda: client.device_id)
        async with draining(parts, crew, drain):
            yield
    finally:
        await crew.stop(listening)
        await client.close()


async def provision_speakers(parts: Parts, refused: Callable[[str], None]) -> None:
    """Give each speaking account a device that its own identity vouches for: before it joins any room.

    `refused` is told about each that cannot have one; the others go on.
    """
    for actor in SPEAKERS:
        login, pickle_key = credentials_of(parts, actor), parts.vault.mac("pickle", actor)
        try:
            await provision(**login, store=parts.home.bot_store(actor), pickle_key=pickle_key)
        except BanyanError as error:
            refused(f"{actor} cannot speak. {error}")


def credentials_of(parts: Parts, actor: Actor) -> _Login:
    """What a speaking account logs in with."""
    return {
        "homeserver_url": parts.addresses.homeserver,
        "as_token": parts.home.secret("speakers.as_token").read_text().strip(),
        "localpart": actor.value,
        "server_name": parts.settings.name,
        "secrets": parts.home.secrets,
    }
