"""Asking the rules: what they find, what is waived, and what could not be checked."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from banyan.domain.findings import About, Finding, Judgement, Severity, Subject, Value
from banyan.i18n import N_
from banyan.network import Waiver
from policies.facts import RoomFacts, World
from policies.rooms import WARDEN

Drift = Mapping[str, Value]
"""One way in which a subject does not keep a rule: what the rule's sentences are filled with."""

Ask = Callable[[Any, World], Iterator[Drift]]


@dataclass(frozen=True)
class Rule:
    """A question asked of every subject of its kind."""

    id: str
    about: About
    severity: Severity
    title: str
    """What is wrong, with `{values}`; marked for translation."""
    remedy: str
    """What to do about it; marked for translation."""
    ask: Ask
    repaired: bool = False
    """Whether the reconciler puts it right by itself."""
    separation: bool = False
    """A separation of duties: a small team lives with it, and is told."""
    waived_by: tuple[str, ...] | None = None
    """Values that a waiver has to name, so that it covers nobody who comes later; empty where the subject
    alone says it. None: any waiver will do, also one of `*`."""


def rule(
    rule_id: str,
    *,
    about: About,
    severity: Severity,
    title: str,
    remedy: str,
    repaired: bool = False,
    separation: bool = False,
    waived_by: tuple[str, ...] | None = None,
) -> Callable[[Ask], Rule]:
    """Make a rule of a pure function `(facts, world) → drifts`.

    The function yields once for every way in which its subject does not keep the rule, nothing when it does,
    and raises when it cannot know. Facts are, by `about`: `RoomFacts`, `PersonFacts`, `OurFacts`,
    `ServerFacts`, and the `World` itself. A drift may name another subject under the key `subject`, and say
    under `needs_keeper` that the warden cannot put it right.
    """

    def declare(ask: Ask) -> Rule:
        return Rule(
            rule_id,
            about,
            severity,
            title,
            remedy,
            ask,
            repaired=repaired,
            separation=separation,
            waived_by=waived_by,
        )

    return declare


class Unknown(Exception):
    """A rule cannot know. It counts as broken: what is not known to be right is not right."""


NOT_CHECKED = "not-checked"
NOT_CHECKED_TITLE = N_("The rule {rule} could not be checked.")
NOT_CHECKED_REMEDY = N_("Look whether the homeserver is well, and ask for the audit again.")
KEEPER_REMEDY = N_(
    "The warden cannot put this right. Run `banyan apply` with the keeper's token, and find out who did it."
)
"""What to do where a rule is kept by the warden elsewhere."""

OVER = "waiver-over"
OVER_TITLE = N_("The waiver of {rule} for {what} ended on {until}.")
OVER_REMEDY = N_("Put right what it covered, or decide again and write a new end into the network file.")

IDLE = "waiver-unknown"
IDLE_TITLE = N_("A waiver names the rule {rule}, which does not exist: it covers nothing.")
IDLE_REMEDY = N_("Write the rule's name as the audit tells it, or take the waiver out of the network file.")


def judge(world: World, rules: Iterable[Rule]) -> Judgement:
    """Ask every rule of every subject."""
    rules = tuple(rules)
    found: list[Finding] = []
    separations: list[Finding] = []
    for each in rules:
        kept_apart = each.separation and world.network.team == "small"
        (separations if kept_apart else found).extend(_findings(each, world))
    named = {each.id: each.waived_by for each in rules}
    standing = [each for each in world.network.waivers if each.says_enough(named.get(each.rule))]
    open_, waived = _sort_out(found, [each for each in standing if each.ends > world.now])
    open_ += _waivers(world, named.keys())
    return Judgement(tuple(sorted(open_, key=_order)), tuple(sorted(waived, key=_order)), tuple(separations))


def _findings(each: Rule, world: World) -> Iterator[Finding]:
    for facts, name in _subjects(each.about, world):
        try:
            drifts = list(each.ask(facts, world))
        except Exception:  # noqa: BLE001 - fails closed, whatever it was; its text may quote what it was asked of
            subject = Subject(About.NETWORK, name)
            yield Finding(NOT_CHECKED, Severity.BREACH, subject, {"rule": each.id})
            continue
        powerless = each.repaired and isinstance(facts, RoomFacts) and _is_powerless(facts, world)
        for drift in drifts:
            values = dict(drift)
            subject = Subject(each.about, str(values.pop("subject", name)))
            needs_keeper = bool(values.pop("needs_keeper", False)) or powerless
            yield Finding(each.id, each.severity, subject, values, needs_keeper=needs_keeper)


def _is_powerless(room: RoomFacts, world: World) -> bool:
    """Whether the warden, which puts declared rooms right, can do nothing in this one."""
    users = room.content("m.room.power_levels").get("users")
    level = users.get(world.accounts.warden) if isinstance(users, Mapping) else None
    able = isinstance(level, int) and level >= WARDEN
    return room.declared is not None and not (able and room.members.get(world.accounts.warden) == "join")


def _subjects(about: About, world: World) -> Iterator[tuple[Any, str]]:
    match about:
        case About.ROOM:
            yield from ((room, room.name) for room in world.rooms)
        case About.MEMBER:
            yield from ((person, person.member.localpart) for person in world.people)
        case About.ACCOUNT:
            yield from ((account, account.name) for account in world.ours)
        case About.SERVER:
            if world.server is not None:
                yield world.server, "homeserver"
        case About.NETWORK:
            yield world, "network"


def _sort_out(found: Iterable[Finding], waivers: Collection[Waiver]) -> tuple[list[Finding], list[Finding]]:
    """Part what is open from what a waiver covers. None covers what nobody knows."""
    open_: list[Finding] = []
    waived: list[Finding] = []
    for finding in found:
        covering = (each.ends for each in waivers if each.covers(finding) and finding.rule != NOT_CHECKED)
        until = next(covering, None)
        if until is None:
            open_.append(finding)
        else:
            waived.append(replace(finding, waived=until))
    return open_, waived


def _waivers(world: World, known: Collection[str]) -> Iterator[Finding]:
    """What is wrong with the waivers themselves. No waiver covers that."""
    for waiver in world.network.waivers:
        if waiver.rule not in known:
            yield Finding(IDLE, Severity.WARNING, Subject(About.NETWORK, waiver.rule), {"rule": waiver.rule})
        elif waiver.ends <= world.now:
            values = {"rule": waiver.rule, "what": waiver.subject, "until": f"{waiver.until:%Y-%m-%d}"}
            yield Finding(OVER, Severity.WARNING, Subject(About.NETWORK, waiver.rule), values)


def _order(finding: Finding) -> tuple[int, str, str]:
    return (-finding.severity, finding.rule, str(finding.subject))
