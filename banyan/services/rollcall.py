"""The roll call: after a serious alert everybody it addressed is asked whether they are safe."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from banyan.domain.alerts import Alert
from banyan.domain.checkins import Answer, Checkin, RollLine, asks, closes
from banyan.domain.conversations import Conversation
from banyan.domain.effects import Actor, NewEffect
from banyan.domain.people import Member, MemberStatus
from banyan.errors import Refusal
from banyan.i18n import N_
from banyan.network import REGIONAL, Network
from banyan.services.limits import Limit
from banyan.services.ports import Clock, UnitOfWork, Vault, Work
from banyan.services.vigil import SECURITY

COMMAND, ARGUMENT = "answer", "state"
"""What a digit or a word answers: the command of that name and its argument."""

SUMMARY_AFTER = timedelta(minutes=15)

AT_ONCE = 200
"""Members asked in one unit of work: an alarm must not wait for a long one."""

RINGS = 3
"""How often an hour one member's changing answers ring; staff read the others all the same."""

ID_LENGTH = 32

NOBODY_ASKS = N_(
    "I am not asking how you are at the moment, so I told nobody. To reach a person, write in one of your "
    "rooms."
)


@dataclass(frozen=True)
class Question:
    """Somebody is asked, in their chat."""

    member: Member
    answers: Mapping[Answer, str]
    """Ids of the answers of a poll: of this member and this alert alone, to be guessed by nobody."""


class RollCall:
    """Asking, taking answers, telling staff."""

    def __init__(self, work: Work, clock: Clock, *, network: Network, vault: Vault) -> None:
        self._work = work
        self._clock = clock
        self._network = network
        self._vault = vault
        self._rings = Limit("help", RINGS, timedelta(hours=1))

    async def begin(self, alert_id: str) -> int:
        """Have everybody addressed asked, and staff told a while later; how many are expected to answer.

        Safe to repeat: nobody is asked twice.
        """
        async with self._work.reading() as tx:
            alert = await tx.alerts.get(alert_id)
            everybody = await tx.members.all(MemberStatus.ADMITTED)
        if alert is None or not self._open(alert):
            return 0
        areas = self._areas(alert)
        addressed = [member for member in everybody if member.placement.area in areas]
        for at in range(0, len(addressed), AT_ONCE):
            some = addressed[at : at + AT_ONCE]
            async with self._work() as tx:
                known = await tx.checkins.expected(alert.id)
                new = [member for member in some if member.id not in known]
                await tx.checkins.add(alert.id, [member.id for member in new])
                await tx.outbox.put_all(list(_asks(alert, new)))
        async with self._work() as tx:
            summary, once = "roll_call_summary", f"roll-call-summary:{alert.id}"
            await self._tell(tx, summary, {"alert_id": alert.id}, once=once, later=SUMMARY_AFTER)
        return len(addressed)

    async def question(self, alert_id: str, member_id: str) -> Question | None:
        """What to ask that member; None when they have answered, are a member no longer, or it is over."""
        async with self._work.reading() as tx:
            return await self._question(tx, alert_id, member_id)

    async def ask(self, alert_id: str, member_id: str) -> None:
        """The member is being asked in their chat: from now on a digit or a word there answers."""
        async with self._work() as tx:
            question = await self._question(tx, alert_id, member_id)
            if question is not None:
                await self.asked(tx, question.member)

    async def asked(self, tx: UnitOfWork, member: Member) -> None:
        """Understand digits in the member's chat as answers, while a roll call is open to them."""
        expected = await self._expected(tx, member)
        alert = await tx.alerts.get(expected.alert_id) if expected else None
        if alert is None or member.chat is None:
            return
        choices = tuple(answer.value for answer in Answer)
        await tx.conversations.put(
            Conversation(member.chat, member.id, COMMAND, {}, ARGUMENT, choices, closes(alert))
        )

    async def answer(self, tx: UnitOfWork, member: Member, answer: Answer, alert_id: str = "") -> None:
        """Take an answer to that roll call, or to the newest one open to the member. Raise `Refusal`."""
        expected = await self._expected(tx, member, alert_id)
        if expected is None:
            raise Refusal(NOBODY_ASKS)
        await tx.checkins.set_answer(expected.alert_id, member.id, answer, self._clock.now())
        if answer is not expected.answer and Answer.HELP in (answer, expected.answer):
            now = self._clock.now()
            rings = answer is Answer.HELP and await self._rings.take(tx, member.id, now)
            about = {
                "who": member.localpart,
                "area": member.placement.area,
                "answer": answer.value,
                "rings": rings,
            }
            await self._tell(tx, "needs_help", about)

    async def tapped(self, tx: UnitOfWork, member: Member, answer_id: str) -> Answer | None:
        """Take an answer to a poll by its id; None for one that is not this member's, or too late."""
        for each in await tx.checkins.of_member(member.id):
            for answer in Answer:
                if answer_id == self._id(each, answer) and await self._expected(tx, member, each.alert_id):
                    await self.answer(tx, member, answer, each.alert_id)
                    return answer
        return None

    async def called(self, tx: UnitOfWork, areas: frozenset[str]) -> Sequence[Alert]:
        """Alerts after which members of those areas were asked, the newest first."""
        alerts = [await tx.alerts.get(alert_id) for alert_id in await tx.checkins.called()]
        return [alert for alert in alerts if alert and self._areas(alert) & areas]

    async def answers(self, tx: UnitOfWork, alert_id: str, areas: frozenset[str]) -> Sequence[RollLine]:
        """Who answered what, of those areas."""
        return [line for line in await tx.checkins.answers(alert_id) if line.area in areas]

    async def summary(self, alert_id: str) -> tuple[Alert, Sequence[RollLine]] | None:
        """The whole roll call of an alert; None when there is none."""
        async with self._work.reading() as tx:
            alert = await tx.alerts.get(alert_id)
            lines = await tx.checkins.answers(alert_id)
        return (alert, lines) if alert else None

    def _open(self, alert: Alert) -> bool:
        return asks(alert) and self._clock.now() < closes(alert)

    def _areas(self, alert: Alert) -> frozenset[str]:
        """Keys of the areas it addresses, as far as the network file still has them."""
        there = {area.key: {area.key, area.country} for area in self._network.areas}
        wanted = set(alert.areas)
        return frozenset(key for key, names in there.items() if wanted & {*names, REGIONAL})

    async def _question(self, tx: UnitOfWork, alert_id: str, member_id: str) -> Question | None:
        member, expected = await tx.members.get(member_id), await tx.checkins.get(alert_id, member_id)
        alert = await tx.alerts.get(alert_id)
        if member is None or expected is None or expected.answer is not None:
            return None
        if member.status is not MemberStatus.ADMITTED or alert is None or not self._open(alert):
            return None
        return Question(member, {answer: self._id(expected, answer) for answer in Answer})

    async def _expected(self, tx: UnitOfWork, member: Member, alert_id: str = "") -> Checkin | None:
        """The roll call that a member answers; the newest one that is open unless it is named."""
        for each in await tx.checkins.of_member(member.id):
            alert = await tx.alerts.get(each.alert_id)
            if alert and self._open(alert) and alert_id in ("", alert.id):
                return each
        return None

    def _id(self, expected: Checkin, answer: Answer) -> str:
        asked = f"{expected.alert_id}:{expected.member_id}:{answer.value}"
        return self._vault.mac("checkin", asked)[:ID_LENGTH]

    async def _tell(
        self,
        tx: UnitOfWork,
        kind: str,
        about: Mapping[str, str | bool],
        *,
        once: str | None = None,
        later: timedelta | None = None,
    ) -> None:
        """Have the steward tell the security staff; nothing where their room does not exist yet."""
        room = await tx.rooms.get(SECURITY)
        if room is None:
            return
        await tx.outbox.put(
            NewEffect(
                Actor.STEWARD,
                kind,
                {
                    **about,
                    "room_id": room.room_id,
                    "language": room.language,
                    "zone": self._network.regional.time_zone,
                },
                lane="" if later else room.room_id,  # what waits shall keep nothing else waiting
                dedupe=once,
                not_before=self._clock.now() + later if later else None,
                secret=True,
            )
        )


def _asks(alert: Alert, members: Sequence[Member]) -> Iterator[NewEffect]:
    for member in members:
        if member.chat:
            yield NewEffect(
                Actor.DESK,
                "ask",
                {"alert_id": alert.id, "member_id": member.id, "room_id": member.chat},
                lane=member.chat,
            )
