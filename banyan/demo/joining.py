"""Joining as a person does: open the link, fill the form in as it stands, send it off."""

from html.parser import HTMLParser
from urllib.parse import urljoin

import aiohttp

from banyan.errors import BanyanError


class JoinFailed(BanyanError):
    """The join page did not let somebody in."""

    code = "join-failed"


async def join_by_link(
    http: aiohttp.ClientSession, link: str, user_id: str, language: str, passphrase: str
) -> None:
    """Go through the join page, which has to show the pseudonym. Raise `JoinFailed`."""
    async with http.get(link, params={"lang": language}) as answer:
        form = Form(await answer.text())
    if user_id[1:].partition(":")[0] not in form.page:
        raise JoinFailed(f"The join page did not show the pseudonym (status {answer.status}).")
    async with http.post(urljoin(link, form.action), data=form.filled(passphrase)) as answer:
        if answer.status != 200:  # noqa: PLR2004
            raise JoinFailed(f"The join page answered {answer.status} to what it asked for.")


class Form(HTMLParser):
    """The one form of a page that posts, and what a browser would send of it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.page = page
        self.action = ""
        self._inside = False
        self._fields: dict[str, str] = {}
        self._passwords: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the form's address and its fields."""
        has = dict(attrs)
        if tag == "form" and (has.get("method") or "").lower() == "post":
            self._inside, self.action = True, has.get("action") or ""
        elif tag == "input" and self._inside and (name := has.get("name")):
            if has.get("type") == "password":
                self._passwords.append(name)
            elif has.get("type") not in {"radio", "checkbox"} or "checked" in has:
                self._fields[name] = has.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        """Fields after the form are not part of it."""
        if tag == "form":
            self._inside = False

    def filled(self, passphrase: str) -> dict[str, str]:
        """What the person sends: the same passphrase wherever one is asked for."""
        return self._fields | dict.fromkeys(self._passwords, passphrase)
