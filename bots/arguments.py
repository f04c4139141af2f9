"""Kinds of arguments: how each is offered, read from what people type, and turned into a value.

What was understood is kept as a token, a text from which the value is found again after a restart: nothing
that is looked up is believed twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

from banyan.domain.people import Member, MemberStatus
from banyan.domain.rooms import RoomKey, RoomKind
from banyan.errors import NotFound, Refusal
from banyan.i18n import ENDONYMS, N_, SOURCE, Text, clean, render
from banyan.network import REGIONAL, Area
from bots.context import Context
from bots.times import read_when
from bots.words import plain, pseudonym, word
from policies.rooms import declared_rooms

LONGEST_TEXT = 1000
"""Characters of a text that somebody may have us pass on."""

CHOOSE = N_("I did not understand that. Please answer with one of the numbers.")
NOBODY = N_("I know nobody of that name. Names look like this: amber-heron.")
PASSED = N_("{when} has passed. Please choose a later time.")
TOO_LONG = N_("That is too long. Please write it in fewer words.")
NOTHING = N_("There is nothing written. Please write it in words.")


@dataclass(frozen=True)
class Choice:
    """One of the numbered answers."""

    token: str
    label: Text


class Kind:
    """How one kind of argument is asked for and understood."""

    open = False
    """People write something of their own; there need be no choices."""
    free = False
    """Whatever they write is an answer."""
    obvious = True
    """With a single choice there is nothing to ask."""
    digits = False
    """Nothing but digits is an answer."""
    nothing = N_("There is nothing here to choose from.")
    """A marked text: what is said when there is no choice."""

    @property
    def told_apart(self) -> bool:
        """Whether other words than an answer can be known: in a staff room they are talk among colleagues."""
        return self.digits or not self.open

    async def choices(self, _ctx: Context) -> Sequence[Choice]:
        """The numbered answers; none where people write something of their own."""
        return ()

    async def read(self, ctx: Context, typed: str) -> str:
        """The token for what was typed. Raise `Refusal`."""
        wanted = word(typed)
        for choice in await self.choices(ctx):
            labels = [choice.token, *(render(choice.label, tag) for tag in (ctx.member.language, SOURCE))]
            if wanted and any(wanted in (word(each), plain(word(each))) for each in labels):
                return choice.token
        raise Refusal(CHOOSE)

    async def value(self, _ctx: Context, token: str) -> Any:
        """What the command is given. Raise `Refusal` when it is gone."""
        return token


class Written(Kind):
    """A text in somebody's own words."""

    open = free = True

    async def read(self, _ctx: Context, typed: str) -> str:
        """Cleaned, so that it can mislead nobody, and not too long."""
        text = clean(typed, lines=True).strip()
        if not text:
            raise Refusal(NOTHING)
        if len(text) > LONGEST_TEXT:
            raise Refusal(TOO_LONG)
        return text


class Pick(Kind):
    """One of a fixed list of marked texts, by token."""

    def __init__(self, labels: Mapping[Any, str]) -> None:
        """Keys are enum members or plain strings: `str(key)` is the token."""
        self._values = {str(value): value for value in labels}
        self._choices = [Choice(str(value), Text(label)) for value, label in labels.items()]

    async def choices(self, _ctx: Context) -> Sequence[Choice]:
        """In the order of the list."""
        return self._choices

    async def value(self, _ctx: Context, token: str) -> Any:
        """The enum member."""
        return self._values[token]


class Language(Kind):
    """One of our languages, named as its speakers name it."""

    async def choices(self, _ctx: Context) -> Sequence[Choice]:
        """All of them."""
        return [Choice(tag, Text("{name}", name=name)) for tag, name in ENDONYMS.items()]


class Person(Kind):
    """A member within the asker's reach. Outside of it nobody exists."""

    open = True

    def __init__(self, *statuses: MemberStatus) -> None:
        """Admitted members, unless told otherwise."""
        self._statuses = statuses or (MemberStatus.ADMITTED,)

    async def read(self, ctx: Context, typed: str) -> str:
        """From a pseudonym, a user id, a link or a pill."""
        name = pseudonym(typed)
        await self._find(ctx, name)
        return name

    async def value(self, ctx: Context, token: str) -> Member:
        """The member as they are now."""
        return await self._find(ctx, token)

    async def _find(self, ctx: Context, name: str) -> Member:
        member = await ctx.tx.members.by_localpart(name) if name else None
        if member is None or member.status not in self._statuses or member.placement.area not in ctx.reach:
            raise Refusal(NOBODY)
        return member


@dataclass(frozen=True)
class Addressed:
    """Areas that were chosen under one name."""

    key: str
    """A country code, an area's key or `regional`."""
    areas: tuple[Area, ...]


class Places(Kind):
    """An area, a country with all its cells, or everything: as far as the asker reaches."""

    async def choices(self, ctx: Context) -> Sequence[Choice]:
        """Countries first, then cells, then everything."""
        areas = [area for area in ctx.network.areas if area.key in ctx.reach]
        whole = [
            code
            for code in ctx.network.countries
            if all(area.key in ctx.reach for area in ctx.network.expand(code))
        ]
        cells = [area.key for area in areas if area.key not in whole]
        everything = [REGIONAL] if len(areas) == len(ctx.network.areas) > 1 else []
        return [Choice(key, _label(ctx, key)) for key in (*whole, *cells, *everything)]

    async def value(self, ctx: Context, token: str) -> Addressed:
        """The areas behind the name, all within reach."""
        try:
            areas = ctx.network.expand(token)
        except NotFound:
            raise Refusal(CHOOSE) from None
        if not all(area.key in ctx.reach for area in areas):
            raise Refusal(CHOOSE)
        return Addressed(token, tuple(areas))


class Talks(Kind):
    """A conversation within the asker's reach: their areas' own, and those about a theme."""

    async def choices(self, ctx: Context) -> Sequence[Choice]:
        """By their code names, as everybody sees them."""
        kinds = (RoomKind.TALK, RoomKind.THEME)
        return [
            Choice(room.key, Text("{name}", name=room.name))
            for room in declared_rooms(ctx.network)
            if room.kind in kinds and room.area in {REGIONAL, *ctx.reach}
        ]

    async def value(self, ctx: Context, token: str) -> RoomKey:
        """The room's key."""
        if token not in {choice.token for choice in await self.choices(ctx)}:
            raise Refusal(CHOOSE)
        return RoomKey(token)


class When(Kind):
    """A moment ahead, as people write it in their own zone."""

    open = True

    async def read(self, ctx: Context, typed: str) -> str:
        """ISO 8601 in UTC."""
        moment = read_when(typed, now=ctx.now, zone=ctx.zone)
        if moment <= ctx.now:
            raise Refusal(PASSED, when=moment)
        return moment.isoformat()

    async def value(self, _ctx: Context, token: str) -> datetime:
        """Aware, in UTC."""
        return datetime.fromisoformat(token)


class Roles(Kind):
    """A role of the network file."""

    async def choices(self, ctx: Context) -> Sequence[Choice]:
        """All of them."""
        return [Choice(name, Text("{name}", name=name.replace("_", " "))) for name in ctx.network.roles]


class Themes(Kind):
    """A theme of the network file."""

    async def choices(self, ctx: Context) -> Sequence[Choice]:
        """All of them."""
        return [Choice(name, Text("{name}", name=name)) for name in ctx.network.themes]


EVERYWHERE = N_("everywhere")

KINDS: Mapping[Any, Kind] = {
    str: Written(),
    Member: Person(),
    Addressed: Places(),
    RoomKey: Talks(),
    datetime: When(),
}
"""By annotation. `Annotated[str, Roles()]` names a kind where the type does not tell."""


def kind_of(annotation: Any) -> Kind:
    """The kind of a parameter. Raise `ValueError` for an annotation that nothing can be read as."""
    wanted = [each for each in get_args(annotation) if each is not NoneType]
    if get_origin(annotation) is Annotated:
        return next(each for each in annotation.__metadata__ if isinstance(each, Kind))
    if wanted and NoneType in get_args(annotation):
        return kind_of(wanted[0])
    if annotation not in KINDS:
        raise ValueError(f"nothing can be read as {annotation}")
    return KINDS[annotation]


def _label(ctx: Context, key: str) -> Text:
    if key == REGIONAL:
        return Text(EVERYWHERE)
    names = ", ".join(area.code_name for area in ctx.network.expand(key))
    return Text("{key} ({names})", key=key, names=names)
