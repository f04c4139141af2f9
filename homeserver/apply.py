"""Carry a plan out.

Killed at any point and begun again, it goes on where it was: every step is planned from what is there, and a
room is found again by the mark it was born with.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from banyan.domain.people import Accounts
from banyan.domain.plan import (
    ArchiveRoom,
    Change,
    ClearState,
    CreateRoom,
    Expel,
    ForgetRoom,
    LinkChild,
    Plan,
    PurgeRoom,
    Seat,
    SetState,
    Unseat,
)
from banyan.domain.rooms import RoomKey
from banyan.errors import BanyanError
from homeserver.acting import Homeserver
from homeserver.desired import DesiredRoom
from homeserver.steps import Record, Steps
from homeserver.together import together

log = structlog.get_logger()

_REPAIRS = (SetState, ClearState, Seat, Unseat, Expel, LinkChild)
"""Changes of a standing room that the log remembers."""


class RemovalsNotAllowed(BanyanError):
    """The plan takes rooms from people and nobody said that it may. Nothing was touched."""

    code = "removals-not-allowed"
    exit_status = 2

    def __init__(self, removals: Sequence[Change]) -> None:
        lines = [f"  - {change.key}: {change}" for change in removals]
        super().__init__(
            "Nothing was touched, for people would lose rooms:\n"
            + "\n".join(lines)
            + "\nRun it with --allow-removals if that is meant."
        )


class KeeperAway(BanyanError):
    """Rooms have to be made, and the keeper's token is offline. Nothing was touched."""

    code = "keeper-away"

    def __init__(self) -> None:
        super().__init__(
            "Rooms have to be made, and the keeper's token is not here. "
            "Put secrets/keeper.token back, apply, and take it away again."
        )


class Progress(Protocol):
    """Who wants to watch."""

    def started(self, total: int) -> None:
        """So many steps lie ahead."""

    def step(self, done: int, label: str) -> None:
        """So many are done; `label` says in which room the last one was."""


class Unwatched:
    """A `Progress` for nobody."""

    def started(self, total: int) -> None:
        """Do nothing."""

    def step(self, done: int, label: str) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class Report:
    """What was done."""

    created: int = 0
    changed: int = 0
    removed: int = 0
    steps: int = 0

    def __add__(self, other: "Report") -> "Report":
        return Report(
            self.created + other.created,
            self.changed + other.changed,
            self.removed + other.removed,
            self.steps + other.steps,
        )


def check(plan: Plan, homeserver: Homeserver, accounts: Accounts, *, allow_removals: bool) -> None:
    """Raise `RemovalsNotAllowed` or `KeeperAway` when the plan cannot be carried out. Touches nothing."""
    if plan.removals and not allow_removals:
        raise RemovalsNotAllowed(plan.removals)
    makes_rooms = any(isinstance(change, CreateRoom) for change in plan.changes)
    if makes_rooms and not homeserver.can_act_as(accounts.keeper):
        raise KeeperAway


async def apply(
    plan: Plan,
    desired: Iterable[DesiredRoom],
    homeserver: Homeserver,
    accounts: Accounts,
    *,
    record: Record,
    progress: Progress | None = None,
    allow_removals: bool = False,
) -> Report:
    """Carry the plan out and say what was done. Raises as `check` and as `Homeserver`."""
    check(plan, homeserver, accounts, allow_removals=allow_removals)
    steps = Steps(homeserver, accounts, desired, plan.found, record=record)
    watch = progress or Unwatched()
    watch.started(len(plan.changes))
    done = 0

    async def in_order(changes: Sequence[Change]) -> None:
        nonlocal done
        for change in changes:
            await steps.do(change)
            done += 1
            watch.step(done, str(change.key))
        repairs = tuple(_what(change) for change in changes if isinstance(change, _REPAIRS))
        if repairs and not isinstance(changes[0], CreateRoom):
            await steps.remember_changed(changes[0].key, repairs)

    for stage in _stages(plan, steps):
        await together(in_order(changes) for changes in stage)
    report = _report(plan)
    log.info("network-applied", created=report.created, changed=report.changed, removed=report.removed)
    return report


def _stages(plan: Plan, steps: Steps) -> Iterable[Iterable[Sequence[Change]]]:
    """Leftovers; rooms that hang under nothing; rooms that need their space's id; what closes.

    Changes of one room follow one another, rooms of one stage go side by side.
    """
    leftovers: list[list[Change]] = []
    closing: list[list[Change]] = []
    free: dict[RoomKey, list[Change]] = {}
    hanging: dict[RoomKey, list[Change]] = {}
    for change in plan.changes:
        if isinstance(change, PurgeRoom):
            leftovers.append([change])
        elif isinstance(change, ArchiveRoom | ForgetRoom):
            closing.append([change])
        else:
            stage = hanging if steps.hangs(change.key) else free
            stage.setdefault(change.key, []).append(change)
    return (leftovers, free.values(), hanging.values(), closing)


def _report(plan: Plan) -> Report:
    created = {each.key for each in plan.changes if isinstance(each, CreateRoom)}
    changed = {each.key for each in plan.changes if isinstance(each, _REPAIRS)} - created
    gone = [each for each in plan.changes if isinstance(each, ArchiveRoom | PurgeRoom)]
    return Report(len(created), len(changed), len(gone), len(plan.changes))


def _what(change: Change) -> str:
    return change.type if isinstance(change, SetState | ClearState) else change.word
