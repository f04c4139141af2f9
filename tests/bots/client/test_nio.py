"""What the client relies on in nio, and why: nio is pinned exactly, these are the reasons."""

from datetime import UTC, datetime
from importlib.metadata import requires, version

import pytest
import vodozemac
from nio.crypto import (
    InboundGroupSession,
    InboundSession,
    OlmAccount,
    OutboundGroupSession,
    OutboundSession,
    Session,
)


def test_nio_is_pinned_exactly():
    """The installed one is the one these tests and the faults were measured with."""
    pins = [line for line in requires("banyan") or () if line.startswith("matrix-nio")]
    assert len(pins) == 1
    assert "==0.26.0" in pins[0]
    assert version("matrix-nio") == "0.26.0"


def test_the_account_s_inner_object_has_fallback_keys():
    """Private: `OlmAccount._account`. nio wraps no fallback keys; the vodozemac account inside has them."""
    account = OlmAccount()
    assert account._account.fallback_key == {}
    account._account.generate_fallback_key()
    assert len(account._account.fallback_key) == 1
    account.mark_keys_as_published()
    assert account._account.fallback_key == {}


def test_an_unpublished_fallback_key_survives_the_pickle():
    """A crash between making and uploading it must not lose it."""
    account = OlmAccount()
    account._account.generate_fallback_key()
    again = OlmAccount.from_pickle(account.pickle("key"), "key")
    assert set(again._account.fallback_key) == set(account._account.fallback_key)


def test_pickles_open_with_their_own_key_only():
    """`WrongStore` is told by the ValueError that every vodozemac exception is."""
    with pytest.raises(vodozemac.LibolmPickleException):
        OlmAccount.from_pickle(OlmAccount().pickle("key"), "another")
    assert issubclass(vodozemac.PickleException, ValueError)
    assert issubclass(vodozemac.LibolmPickleException, ValueError)
    assert issubclass(vodozemac.DecodeException, ValueError)
    assert issubclass(vodozemac.OlmDecryptionException, ValueError)
    assert issubclass(vodozemac.MegolmDecryptionException, ValueError)
    assert issubclass(vodozemac.SessionCreationException, ValueError)


def test_a_first_message_makes_a_session_that_reads_it():
    """`InboundSession` decrypts its first message while it is made: the ratchet is read once only."""
    ours, theirs = OlmAccount(), OlmAccount()
    ours.generate_one_time_keys(1)
    (one_time_key,) = ours.one_time_keys["curve25519"].values()
    outbound = OutboundSession(theirs, ours.identity_keys["curve25519"], one_time_key)
    message = outbound.encrypt("hello").to_pre_key()
    inbound = InboundSession(ours, message, theirs.identity_keys["curve25519"])
    assert inbound.decrypt(message, unicode_errors="strict") == "hello"
    again = Session.from_pickle(inbound.pickle("key"), datetime.now(UTC), "key")
    assert again.matches(message)
    with pytest.raises(vodozemac.OlmDecryptionException):
        again.decrypt(message)
    assert again.decrypt(outbound.encrypt("more")) == "more"


def test_our_room_key_goes_on_from_its_pickle():
    """The pickle has session and index; all else nio keeps in memory, so we keep it ourselves."""
    session = OutboundGroupSession()
    session.shared = True
    inbound = InboundGroupSession(session.session_key, "ed", "curve", "!r")
    first = session.encrypt("one")
    again = OutboundGroupSession.from_pickle(session.pickle("key"), "key")
    again.shared = True
    assert (again.id, again.message_index) == (session.id, 1)
    assert [inbound.decrypt(first), inbound.decrypt(again.encrypt("two"))] == [("one", 0), ("two", 1)]


def test_a_room_key_is_given_from_its_present_index():
    """Who joins now cannot read what was said before."""
    session = OutboundGroupSession()
    session.shared = True
    before = session.encrypt("before")
    late = InboundGroupSession(session.session_key, "ed", "curve", "!r")
    assert late.first_known_index == 1
    with pytest.raises(vodozemac.MegolmDecryptionException):
        late.decrypt(before)
    assert late.decrypt(session.encrypt("after")) == ("after", 1)
