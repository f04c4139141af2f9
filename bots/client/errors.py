"""What the client raises. Texts name no ids and no content: they end up in logs."""

from banyan.errors import BanyanError


class NotEncrypted(Exception):
    """A message was about to leave in clear for a room that has to be encrypted."""

    def __init__(self) -> None:
        super().__init__("the room is not encrypted, or not in a way we know; nothing was sent")


class KeysNotDelivered(Exception):
    """Some devices could not be given the room key. Nothing was sent; the next send tries them again."""

    def __init__(self, devices: int) -> None:
        super().__init__(f"the room key did not reach {devices} devices")
        self.devices = devices


class Undecryptable(Exception):
    """A message cannot be read: no key, a bad ciphertext, a replay, or a key that is not the sender's."""


class StoreInUse(BanyanError):
    """Another process has this bot's store open. Two of them would use one ratchet twice."""

    code = "store-in-use"

    def __init__(self) -> None:
        super().__init__("Another process is using this account's keys. Stop it first.")


class WrongStore(BanyanError):
    """The store belongs to another account or device, or another pickle key."""

    code = "wrong-store"

    def __init__(self) -> None:
        super().__init__("The key store and the credentials do not belong together.")


class LoginExpires(BanyanError):
    """The homeserver hands out tokens that expire: the bots would fall silent one day."""

    code = "login-expires"

    def __init__(self) -> None:
        super().__init__(
            "The homeserver gives the bots tokens that expire. Remove session_lifetime and its relatives."
        )


class IdentityLost(BanyanError):
    """The published cross-signing identity is not the one whose seeds we keep."""

    code = "identity-lost"

    def __init__(self) -> None:
        super().__init__(
            "This account has a cross-signing identity whose seeds are not here. "
            "Restore the seeds from the backup; replace the identity only if they are lost for good."
        )


class SigningFailed(BanyanError):
    """The homeserver did not take a cross-signing signature."""

    code = "signing-failed"

    def __init__(self) -> None:
        super().__init__("The homeserver did not accept the signature on the device.")
