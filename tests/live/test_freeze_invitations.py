"""A seized officer's invitations on a real homeserver: their links let nobody in any more."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from banyan.clock import SystemClock
from banyan.demo.joining import Form
from banyan.domain.effects import Actor
from banyan.domain.people import Accounts, Member, MemberStatus, Placement
from banyan.matrix import Api, MatrixError
from banyan.services.freezing import Freezing
from banyan.services.ids import RandomIds
from banyan.services.members import Invited, Members, invitation_subject
from banyan.services.outbox import Drain, Wakes
from banyan.store import SqlWork
from banyan.web.join import join_routes
from banyan.web.site import Site
from homeserver.actors import GateActor, RegistrarActor
from homeserver.registration import PublicRegistration
from tests.live.homeserver import LiveHomeserver, unfinished_session
from tests.waiting import until

pytestmark = pytest.mark.live
PHRASE = "a long enough phrase"


@dataclass
class Door:
    """Our books and the join page, with both actors at work on the homeserver."""

    homeserver: LiveHomeserver
    work: SqlWork
    members: Members
    freezing: Freezing
    page: TestServer
    http: aiohttp.ClientSession

    async def officer(self, name: str) -> Member:
        """Somebody admitted, in our books only: they ask for invitations."""
        officer = Member(RandomIds().opaque(), name, Placement("KH"), "en", MemberStatus.ADMITTED)
        async with self.work() as tx:
            await tx.members.add(officer)
        return officer

    async def invite(self, officer: Member | None = None) -> Invited:
        """An invitation that somebody asked for, or the operator's, once its link works."""
        asked_by = officer.id if officer else None
        async with self.work() as tx:
            invited = await self.members.write_invitation(tx, "KH", by="two-persons", asked_by=asked_by)
        await until(lambda: self._done(invitation_subject(invited.token)))
        return invited

    async def freeze(self, officer: Member, *invited: Invited) -> None:
        """Say the word about the officer, until all is done that follows, to those they invited too."""
        async with self.work() as tx:
            await self.freezing.freeze(tx, officer, by="security_officer:test")
        async with self.work.reading() as tx:
            names = [each.user_id[1:].partition(":")[0] for each in invited]
            people = [officer, *[await tx.members.by_localpart(name) for name in names]]
        for each in people:
            subject = f"freeze:{each.id}"
            await until(lambda subject=subject: self._done(subject))

    async def look(self, invited: Invited) -> tuple[int, Form]:
        """Open the link: status, and the form that is shown."""
        async with self.http.get(self._link(invited)) as answer:
            return answer.status, Form(await answer.text())

    async def submit(self, invited: Invited, form: Form) -> int:
        """Send the form off; the status of the answer."""
        async with self.http.post(self._link(invited), data=form.filled(PHRASE)) as answer:
            return answer.status

    def _link(self, invited: Invited) -> str:
        return str(self.page.make_url(f"/join/{invited.token}"))

    async def _done(self, subject: str) -> bool:
        async with self.work.reading() as tx:
            steps = await tx.outbox.of_subject(subject)
        return bool(steps) and all(step.done for step in steps)


@pytest.fixture
async def door(homeserver, work, network) -> AsyncIterator[Door]:
    clock, ids, wakes, accounts = SystemClock(), RandomIds(), Wakes(), Accounts(homeserver.server_name)
    ours = SqlWork(work._engine, clock, ids, wakes)
    registration = PublicRegistration(homeserver.url)
    members = Members(ours, clock, ids, network=network, accounts=accounts, registration=registration)
    app = web.Application()
    app.add_routes(join_routes(members, Site(homeserver.url, "")))
    async with (
        Api(homeserver.url, homeserver.secret("gate.secret")) as api,
        TestServer(app) as page,
        aiohttp.ClientSession() as http,
        asyncio.TaskGroup() as group,
    ):
        gate = GateActor(homeserver.gate, api, lambda: None)
        registrar = RegistrarActor(homeserver.registrar)
        handlers = {Actor.GATE: gate.handlers, Actor.REGISTRAR: registrar.handlers}
        drains = [Drain(ours, actor, handlers[actor], clock) for actor in handlers]
        for drain in drains:
            wakes.listen(drain)
        tasks = [group.create_task(drain.run()) for drain in drains]
        yield Door(homeserver, ours, members, Freezing(clock, network, accounts), page, http)
        for task in tasks:
            task.cancel()
    await registration.close()


async def test_a_seized_officers_link_lets_nobody_in(homeserver, door):
    """Not opened after the freeze, nor sent off from a page that was open; the operator's works."""
    officer = await door.officer("wren-grey")
    closed, opened, other = await door.invite(officer), await door.invite(officer), await door.invite()
    status, form = await door.look(opened)
    assert (status, "passphrase" in form.page) == (200, True)
    await door.freeze(officer, closed, opened)
    assert (await door.look(closed))[0] == 410
    assert await door.submit(opened, form) == 410
    for each in (closed, opened):
        assert await homeserver.registrar.user(each.user_id) is None
    assert await door.submit(other, (await door.look(other))[1]) == 200
    assert await homeserver.registrar.user(other.user_id) is not None


async def test_the_homeserver_takes_no_token_of_theirs(homeserver, door):
    """Neither from the start, nor in a registration whose token it had taken before the word."""
    officer = await door.officer("wren-pale")
    fresh, begun = await door.invite(officer), await door.invite(officer)
    api = await homeserver.session(None)
    body = {"username": "wren-typed", "password": PHRASE}
    session = await unfinished_session(api, body)
    token = {"type": "m.login.registration_token", "token": begun.token, "session": session}
    with pytest.raises(MatrixError) as caught:
        await api.request("POST", "/register", body=body | {"auth": token})
    assert caught.value.answer["completed"] == ["m.login.registration_token"]
    await door.freeze(officer, fresh, begun)
    async with homeserver.refusing("no-invitation"):
        await homeserver.register(fresh.token, PHRASE, typed="wren-typed")
    async with homeserver.refusing("no-invitation"):
        dummy = {"type": "m.login.dummy", "session": session}
        await api.request("POST", "/register", body=body | {"auth": dummy})
    for each in (fresh, begun):
        assert await homeserver.registrar.user(each.user_id) is None


async def test_who_had_just_registered_is_put_out(homeserver, door):
    """The account was made before the word, and nobody had told us of it: no session, no room, locked."""
    officer = await door.officer("wren-teal")
    invited = await door.invite(officer)
    room = await homeserver.grow_room()
    homeserver.gate.allow(invited.user_id, [room])
    answer = await homeserver.register(invited.token, PHRASE, typed="wren-typed")
    assert not (await homeserver.admit(invited.user_id))["refused"]
    assert invited.user_id in await homeserver.warden.joined_members(room)
    await door.freeze(officer, invited)
    phone = await homeserver.session(answer["access_token"], patience=0)
    with pytest.raises(MatrixError) as caught:
        await phone.whoami()
    assert (caught.value.status, caught.value.errcode) == (401, "M_UNKNOWN_TOKEN")
    assert (await homeserver.registrar.user(invited.user_id))["locked"] is True
    assert invited.user_id not in await homeserver.warden.joined_members(room)
    assert not await door.members.arrived(invited.user_id)
