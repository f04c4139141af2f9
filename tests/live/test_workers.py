"""The gate in every process of a scaled homeserver."""

import re

import aiohttp
import pytest

from banyan.matrix import Api
from homeserver.survey import SURVEY
from tests.live.homeserver import CLOSED, standing_room
from tests.live.workers import scaled_homeserver
from tests.waiting import until

pytestmark = [pytest.mark.live, pytest.mark.database]


async def test_a_worker_refuses_and_lets_in_as_the_main_process_does(tmp_path, postgres):
    """What is written to the one table counts in both at once; each counts its own refusals."""
    async with (
        scaled_homeserver(tmp_path, postgres) as scaled,
        scaled.main.clients(),
        scaled.worker.clients(),
    ):
        main, worker = scaled.main, scaled.worker
        room = await main.grow_room()
        member = await main.member("elm-one")  # the admin API is the main process's
        async with worker.refusing("not-expected"):
            await (await worker.session(member.access_token)).join(room)
        async with worker.refusing("unencrypted"):
            asked = standing_room(main.user_id("warden")) | {"initial_state": CLOSED}
            await worker.keeper.create_room(asked)
        assert await main.refusals() == {}, "the worker asked the main process"

        main.gate.allow(member.user_id, [room])
        assert await worker.admit(member.user_id) == {"joined": [room], "already": 0, "refused": []}
        other = await main.member("elm-two", [room])
        main.gate.withdraw(other.user_id)

        async def known() -> bool:
            return other.user_id in await worker.warden.joined_members(room)

        await until(known)  # what one process does the other is told later
        await worker.warden.kick(room, other.user_id)
        async with worker.refusing("not-expected"):
            await worker.warden.invite(room, other.user_id)

        expected = {member.user_id, *map(main.user_id, ("warden", "keeper"))}

        async def heard() -> bool:
            return await main.warden.joined_members(room) == expected

        await until(heard)

        async def alike() -> bool:
            seen = [await survey(homeserver) for homeserver in (main, worker)]
            for each in seen:  # each tells what it was started with itself
                assert each.pop("settings")["modules"]
            assert {each["room_id"] for each in seen[0]["rooms"]} == {room}
            return seen[0] == seen[1]

        await until(alike)

        shown = await metrics(scaled.worker_metrics)
        assert shown['banyan_gate_refused_total{reason="not-expected"}'] == 2
        assert shown['banyan_gate_refused_total{reason="unencrypted"}'] == 1
        assert shown['banyan_gate_refused_total{reason="public"}'] == 0
        assert shown["banyan_gate_table_readable"] == 1
        assert not [line for line in shown if "elm" in line or room in line]
        (tmp_path / "gate.db").rename(tmp_path / "gone.db")
        assert (await metrics(scaled.worker_metrics))["banyan_gate_table_readable"] == 0


async def survey(homeserver):
    """Everything, as that process sees it."""
    async with Api(homeserver.url, homeserver.secret("gate.secret")) as gate:
        return await gate.request("POST", SURVEY, body={})


async def metrics(port: int) -> dict[str, float]:
    """What that process tells Prometheus, of the gate."""
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{port}/_synapse/metrics") as answer,
    ):
        lines = re.findall(r"^(banyan_\S+(?:\{.*?\})?) (\S+)$", await answer.text(), re.MULTILINE)
    return {name: float(value) for name, value in lines}
