"""How a signed alert can be refused. The texts are for whoever runs the sender."""

from typing import ClassVar

from banyan.errors import BanyanError


class Refused(BanyanError):
    """The alert was not accepted; nothing was sent. `code` and the text are the answer."""

    status: ClassVar[int] = 400
    """HTTP status."""


class BadBody(Refused):
    """The body is not an alert we can relay. The text names the first fault and never quotes the body."""

    code = "bad-body"


class NotRelayed(Refused):
    """Exercises and tests have no room yet."""

    code = "not-actual"


class Stale(Refused):
    """`sent` is too far from our time."""

    code = "stale"


class BadExpiry(Refused):
    """`expires` has passed, or is too far from `sent`."""

    code = "bad-expiry"


class UnknownArea(Refused):
    """The network has no such area."""

    code = "unknown-area"


class Unsigned(Refused):
    """A header of the signature is missing."""

    code = "unsigned"
    status = 401


class BadSignature(Refused):
    """The signature is wrong, or the sender is unknown or revoked: which of them is not told."""

    code = "bad-signature"
    status = 401


class AlreadySent(Refused):
    """The sender has sent this before: who retries finds here what became of it."""

    code = "replayed"
    status = 409

    def __init__(self, text: str, alert_id: str, status_url: str) -> None:
        super().__init__(text)
        self.alert_id = alert_id
        self.status_url = status_url


class IdentifierUsed(AlreadySent):
    """The identifier stands for another alert of this sender."""

    code = "identifier-used"


class AreaNotReady(Refused):
    """An area is declared but has no alert room yet."""

    code = "area-not-ready"
    status = 409


class TooLarge(Refused):
    """The body is larger than 32 KiB."""

    code = "too-large"
    status = 413


class NotJson(Refused):
    """The body is not declared as plain JSON."""

    code = "not-json"
    status = 415


class TooMany(Refused):
    """Too many requests; try again later."""

    code = "too-many"
    status = 429
