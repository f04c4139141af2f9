"""The devices of members: confirmed by their owners, few, and named so that they say nothing.

A device's name is told to the server and to everybody in the same room. Apps name it after themselves, and
some after the phone or its owner (*Mary's iPhone*), which undoes a pseudonym. What is telling cannot be
listed, so the neutral words are: names of apps, browsers and systems. Whatever else stands there may be a
person, a place or a model that police look for, and counts as telling.
"""

import re
from collections.abc import Iterator
from typing import Final

from banyan.domain.findings import About, Severity
from banyan.i18n import N_
from policies.engine import Drift, rule
from policies.facts import PersonFacts, World
from policies.rules.reading import fingerprint

_WORDS: Final = """
    element riot schildichat schildi fluffychat cinny nheko neochat fractal hydrogen banyan matrix nio
    x classic pro desktop web mobile nightly app client browser session device
    firefox chrome chromium safari edge brave opera
    android ios ipados linux windows macos mac os chromeos
    app.element.io develop.element.io
    on for via
    """
_NEUTRAL: Final = frozenset(_WORDS.split())
_DRAWN: Final = re.compile("[0-9a-f]{6,64}")
"""A random name, as our own accounts have it."""


@rule(
    "device-unsigned",
    about=About.MEMBER,
    severity=Severity.WARNING,
    title=N_("{count} of their devices are not confirmed by them."),
    remedy=N_("Ask whether the device is theirs. If so, they confirm it from another; else they remove it."),
    waived_by=("devices",),
)
def unsigned(person: PersonFacts, _: World) -> Iterator[Drift]:
    """Who has confirmed one device confirms each: somebody else may have added another."""
    if person.admitted and not person.member.placement.roles and (marks := _unsigned(person)):
        yield {"count": len(marks), "devices": fingerprint(marks)}


@rule(
    "device-unsigned-staff",
    about=About.MEMBER,
    severity=Severity.BREACH,
    title=N_("They hold a role, and {count} of their devices are not confirmed by them."),
    remedy=N_(
        "Call them now: if they do not know the device, somebody reads staff rooms with it. Freeze them."
    ),
    waived_by=("devices",),
)
def unsigned_staff(person: PersonFacts, _: World) -> Iterator[Drift]:
    """As for every member; what such a device reads here is graver."""
    if person.admitted and person.member.placement.roles and (marks := _unsigned(person)):
        yield {"count": len(marks), "devices": fingerprint(marks)}


def _unsigned(person: PersonFacts) -> list[str]:
    """Unsigned devices of who has a signed one. Who has none yet is new, or provisional for too long."""
    marks = [device.mark for device in person.devices if not device.signed]
    return marks if len(marks) < len(person.devices) else []


@rule(
    "device-many",
    about=About.MEMBER,
    severity=Severity.WARNING,
    title=N_("They have {count} devices; {limit} is the most."),
    remedy=N_("Ask them to log out where they do not write any more: each can be seized."),
)
def many(person: PersonFacts, world: World) -> Iterator[Drift]:
    """Few devices, those that do not encrypt counted."""
    limit = world.network.limits.devices_per_member
    if person.admitted and person.account and (count := len(person.account.devices)) > limit:
        yield {"count": count, "limit": limit}


@rule(
    "device-telling",
    about=About.MEMBER,
    severity=Severity.WARNING,
    title=N_("The names of {count} of their devices may tell who or where they are."),
    remedy=N_("Ask them to rename it in the app's settings, for example to Element."),
)
def telling(person: PersonFacts, world: World) -> Iterator[Drift]:
    """Names of apps and systems only. The finding does not repeat the name: it may be a person's."""
    if person.admitted and person.account:
        server = world.accounts.server_name.casefold()
        if count := sum(not _neutral(device.name, server) for device in person.account.devices):
            yield {"count": count}


def _neutral(name: str, server: str) -> bool:
    words = re.split(r"[\s:,;()/|-]+", name.casefold())
    return all(
        not word
        or word in _NEUTRAL
        or _DRAWN.fullmatch(word)
        or word == server
        or word.endswith(f".{server}")
        for word in words
    )


@rule(
    "member-identity",
    about=About.MEMBER,
    severity=Severity.BREACH,
    title=N_("Their keys are not those that were seen first: it may be another person."),
    remedy=N_(
        "Hear their voice. If they reset their keys themselves, say so in the audit; else freeze them."
    ),
    waived_by=("key",),
)
def identity(person: PersonFacts, _: World) -> Iterator[Drift]:
    """A member keeps their identity. A server, or a thief with the passphrase, can make another."""
    if person.admitted and person.identity_changed and person.account:
        yield {"key": person.account.master_key or ""}  # which keys somebody may say are theirs


@rule(
    "member-profile",
    about=About.MEMBER,
    severity=Severity.WARNING,
    title=N_("They are shown with a picture, or under another name than their pseudonym."),
    remedy=N_("Find out how it was set: members cannot do that here. Take it away with the admin API."),
)
def profile(person: PersonFacts, _: World) -> Iterator[Drift]:
    """Nobody is shown as anything but their pseudonym."""
    account = person.account
    if person.admitted and account is not None:
        names = ("", person.member.localpart)
        if account.display_name not in names or account.has_picture:
            yield {}
