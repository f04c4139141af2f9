"""Findings in a reader's language."""

from banyan.domain.findings import Finding
from banyan.i18n import Text, render
from policies.rules import GONE_REMEDY, GONE_TITLE, sentences


def texts(finding: Finding) -> tuple[Text, Text]:
    """What is wrong, and what to do about it."""
    title, remedy = sentences(finding)
    try:
        return Text(title, **finding.values), Text(remedy, **finding.values)
    except ValueError:  # kept by a version whose rule said other things
        return Text(GONE_TITLE), Text(GONE_REMEDY)


def said(finding: Finding, language: str) -> tuple[str, str]:
    """The same in words."""
    title, remedy = texts(finding)
    return render(title, language), render(remedy, language)
