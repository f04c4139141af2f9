"""What rooms are for; and, for those who look after them, who is in them, letting in and out, announcing.

What shows names is said in the asker's own chat and gone after ten minutes.
"""

from dataclasses import replace

from banyan.domain.people import Member
from banyan.domain.permissions import Permission
from banyan.domain.rooms import RoomKey
from banyan.i18n import N_, Text
from bots.arguments import Talks
from bots.context import Context
from bots.declare import Reply, Where, command, reply
from bots.legend import legend
from bots.texts import lines, quoted

THIS_CHAT = N_("This chat: here I answer you. I remove what we write after a day.")
GONE_SOON = N_("I remove this message in ten minutes.")
WHICH, WHO = N_("Which room?"), N_("Who? Write their name.")


@command(
    "rooms",
    words=N_("rooms, my rooms"),
    help=N_("See what your rooms are for"),
    where=frozenset(Where),
    private=True,
)
async def rooms(ctx: Context) -> Reply:
    """Tell what each of the asker's rooms is for; how many are in those they look after."""
    existing = {room.key for room in await ctx.tx.rooms.all()}
    said = [legend(ctx.network, ctx.member.placement, existing), Text(THIS_CHAT)]
    if areas := ctx.reaches(Permission.ROOMS):
        counts = await ctx.services.rooms.counts(ctx.tx, areas)
        said += [
            Text(N_("You look after these rooms. So many members of your country are in them:")),
            lines(
                Text("{room}: {count}", room=room.label, count=counts.get(RoomKey(room.token), 0))
                for room in await Talks().choices(replace(ctx, reach=areas))
                if room.token in existing
            ),
        ]
    return reply(*said, Text(GONE_SOON), brief=True)


@command(
    "room members",
    words=N_("room members, who is in"),
    help=N_("See which members of your country are in a room"),
    args={"room": WHICH},
    needs=Permission.ROOMS,
    private=True,
)
async def members(ctx: Context, room: RoomKey) -> Reply:
    """List them by pseudonym."""
    found = await ctx.services.rooms.members(ctx.tx, room, ctx.reach)
    head = Text(
        N_("Members of your country in {room}: {count}"), room=await _name(ctx, room), count=len(found)
    )
    names = [lines(Text("{name}", name=each.localpart) for each in found)] if found else []
    return reply(head, *names, Text(GONE_SOON), brief=True)


async def _letting_in(ctx: Context, room: RoomKey, who: Member) -> Reply:
    await ctx.services.rooms.check_let_in(ctx.tx, room, who, by=ctx.member)
    return reply(Text(N_("Let {name} into {room}."), name=who.localpart, room=await _name(ctx, room)))


@command(
    "room invite",
    words=N_("room invite, let into room"),
    help=N_("Let a member of your country into a room"),
    args={"room": WHICH, "who": WHO},
    needs=Permission.ROOMS,
    preview=_letting_in,
    private=True,
)
async def invite(ctx: Context, room: RoomKey, who: Member) -> Reply:
    """Let a member into a conversation."""
    await ctx.services.rooms.let_in(ctx.tx, room, who, by=ctx.member, actor=ctx.who)
    said = N_("{name} is being let into {room} now.")
    return reply(Text(said, name=who.localpart, room=await _name(ctx, room)))


async def _taking_out(ctx: Context, room: RoomKey, who: Member) -> Reply:
    await ctx.services.rooms.check_bar(ctx.tx, room, who, by=ctx.member)
    return reply(
        Text(
            N_("Take {name} out of {room} and keep them out."),
            name=who.localpart,
            room=await _name(ctx, room),
        ),
        Text(N_("Safety messages and news still reach them.")),
    )


@command(
    "room remove",
    words=N_("room remove, take out of room"),
    help=N_("Take a member of your country out of a room"),
    args={"room": WHICH, "who": WHO},
    needs=Permission.ROOMS,
    preview=_taking_out,
    private=True,
)
async def remove(ctx: Context, room: RoomKey, who: Member) -> Reply:
    """Take a member out of a conversation, and keep them out."""
    await ctx.services.rooms.bar(ctx.tx, room, who, by=ctx.member, actor=ctx.who)
    said = N_("{name} is being taken out of {room} now. To undo it write “room invite”.")
    return reply(Text(said, name=who.localpart, room=await _name(ctx, room)))


async def _announcing(ctx: Context, text: str) -> Reply:
    await ctx.services.rooms.check_announce(ctx.tx, by=ctx.member)
    areas = [area.code_name for area in ctx.network.areas if area.key in ctx.reach]
    said = N_("I would write this in the news room of {areas}. It rings there, and I do not translate it:")
    return reply(Text(said, areas=", ".join(areas)), quoted(text))


@command(
    "room announce",
    words=N_("room announce, announce in room"),
    help=N_("Have me write something to all members of your country"),
    args={"text": N_("What shall I write? All members of your country will read it.")},
    needs=Permission.ROOMS,
    preview=_announcing,
)
async def announce(ctx: Context, text: str) -> Reply:
    """Pass on a text in the guide rooms within reach."""
    await ctx.services.rooms.announce(ctx.tx, text, ctx.reach, by=ctx.member, actor=ctx.who)
    return reply(Text(N_("It is being written now.")))


async def _name(ctx: Context, key: RoomKey) -> Text:
    """The code name of a conversation within reach."""
    return next(room.label for room in await Talks().choices(ctx) if room.token == key)
