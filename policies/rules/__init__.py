"""Every rule of membership, one file a topic, each listed here by hand: nothing registers itself."""

from collections.abc import Mapping
from typing import Final

from banyan.domain.findings import Finding
from banyan.i18n import N_
from policies.engine import (
    IDLE,
    IDLE_REMEDY,
    IDLE_TITLE,
    KEEPER_REMEDY,
    NOT_CHECKED,
    NOT_CHECKED_REMEDY,
    NOT_CHECKED_TITLE,
    OVER,
    OVER_REMEDY,
    OVER_TITLE,
    Rule,
)
from policies.rules import (
    access,
    administration,
    chats,
    company,
    creation,
    devices,
    duties,
    encryption,
    exposure,
    extras,
    links,
    membership,
    missing,
    names,
    ours,
    partners,
    power,
    pushers,
    retention,
    roles,
    services,
    settings,
    tokens,
    vetting,
)

RULES: Final[tuple[Rule, ...]] = (
    missing.missing,
    encryption.unencrypted,
    access.history,
    access.join_rule,
    access.guests,
    access.by_address,
    access.listed,
    creation.federates,
    creation.version,
    creation.creator,
    creation.kind,
    power.person,
    power.foreign,
    power.everybody,
    power.shared,
    power.open_,
    power.levels_differ,
    company.stranger,
    company.foreign,
    company.bot,
    company.unguarded,
    company.seat,
    company.absent,
    company.size,
    extras.address,
    extras.extra,
    extras.servers,
    extras.replaced,
    names.name,
    names.telling,
    links.child,
    links.parent,
    links.locator,
    links.frozen,
    retention.retention,
    chats.stray,
    chats.crowded,
    chats.apart,
    chats.forbidden,
    chats.open_,
    vetting.unknown_account,
    vetting.leaver,
    vetting.overdue,
    vetting.silent,
    membership.provisional,
    membership.dormant,
    membership.misplaced,
    roles.crowded,
    roles.term,
    roles.abroad,
    exposure.sensitive,
    exposure.entries,
    exposure.sees,
    duties.invite_approve,
    duties.invite_audit,
    duties.approve_audit,
    duties.freeze_audit,
    duties.roles_audit,
    duties.few,
    devices.unsigned,
    devices.unsigned_staff,
    devices.many,
    devices.telling,
    devices.identity,
    devices.profile,
    administration.admins,
    administration.puppets,
    settings.setting,
    settings.limit,
    services.unknown,
    services.changed,
    services.shared,
    services.covers,
    tokens.unknown,
    tokens.endless,
    tokens.many_uses,
    tokens.too_many,
    partners.open_,
    partners.stranger,
    partners.missing,
    pushers.gateway,
    pushers.content,
    ours.away,
    ours.powerless,
    ours.device,
    ours.device_unsigned,
    ours.identity,
    ours.astray,
)

GONE_TITLE = N_("A rule that this version does not have any more was not kept.")
GONE_REMEDY = N_("Ask for the audit again.")

BY_ID: Final[Mapping[str, Rule]] = {each.id: each for each in RULES}

EXACT: Final[Mapping[str, tuple[str, ...]]] = {
    each.id: each.waived_by for each in RULES if each.waived_by is not None
}
"""Rules of which a waiver has to say exactly what it covers → the values that it names."""

SPECIAL: Final[Mapping[str, tuple[str, str]]] = {
    IDLE: (IDLE_TITLE, IDLE_REMEDY),
    NOT_CHECKED: (NOT_CHECKED_TITLE, NOT_CHECKED_REMEDY),
    OVER: (OVER_TITLE, OVER_REMEDY),
}
"""What the engine finds by itself, with its two sentences."""


def sentences(finding: Finding) -> tuple[str, str]:
    """What is wrong and what to do about it, marked for translation; `finding.values` fill both."""
    if each := BY_ID.get(finding.rule):
        return each.title, KEEPER_REMEDY if finding.needs_keeper else each.remedy
    return SPECIAL.get(finding.rule, (GONE_TITLE, GONE_REMEDY))
