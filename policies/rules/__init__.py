"""Every rule of membership, one file a topic, each listed here by hand: nothing registers itself."""

from collections.abc import Mapping
from typing import Final

from banyan.domain.findings import Finding
from banyan.i18n import N_
from policies.engine import (
    NOT_CHECKED,
    NOT_CHECKED_REMEDY,
    NOT_CHECKED_TITLE,
    OVER,
    OVER_REMEDY,
    OVER_TITLE,
    Rule,
)

RULES: Final[tuple[Rule, ...]] = ()

GONE_TITLE = N_("A rule that this version does not have any more was not kept.")
GONE_REMEDY = N_("Ask for the audit again.")

BY_ID: Final[Mapping[str, Rule]] = {each.id: each for each in RULES}


def sentences(finding: Finding) -> tuple[str, str]:
    """What is wrong and what to do about it, marked for translation; `finding.values` fill both."""
    if each := BY_ID.get(finding.rule):
        return each.title, each.remedy
    special = {NOT_CHECKED: (NOT_CHECKED_TITLE, NOT_CHECKED_REMEDY), OVER: (OVER_TITLE, OVER_REMEDY)}
    return special.get(finding.rule, (GONE_TITLE, GONE_REMEDY))
