"""Signed notes: exactly the format of C2SP, and nothing signed by anybody else is believed."""

from base64 import b64decode, b64encode
from contextlib import suppress
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from banyan.domain.notes import Head, NotReadable, PublicKey, _signed, find_notes, read_note, sign

SEED = SigningKey(bytes(range(32)))
HEAD = Head("banyan.test/banyan-log", 7, sha256(b"root").digest())
NOTE = sign(HEAD, SEED)
OURS = PublicKey(HEAD.origin, bytes(SEED.verify_key))


def test_a_key_and_a_signature_of_the_go_library():
    """The example of golang.org/x/mod/sumdb/note: its key id and its signature are what we compute."""
    line = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    text = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
    )
    raw = b64decode(
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    )
    key = PublicKey.parse(line)
    assert str(key) == line
    assert raw[:4] == key.id
    assert _signed(key, text, raw[4:])


def test_the_example_of_the_specification_is_read():
    """c2sp.org/tlog-checkpoint."""
    text = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— example.com/behind-the-sofa "
        "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    )
    note = read_note(text)
    assert (note.head.origin, note.head.size) == ("example.com/behind-the-sofa", 20852163)
    assert text.startswith(note.head.text + "\n— ")
    assert note.doubt([OURS]) == "other-log"


def test_what_is_signed_is_read():
    """Four lines and a signature; the same bytes each time."""
    lines = NOTE.split("\n")
    assert lines[:4] == ["banyan.test/banyan-log", "7", b64encode(HEAD.root).decode(), ""]
    assert lines[4].startswith("— banyan.test/banyan-log ")
    assert lines[5:] == [""]
    assert sign(HEAD, SEED) == NOTE
    assert read_note(NOTE).head == HEAD
    assert read_note(NOTE).doubt([OURS]) is None


def test_only_ours_is_believed():
    """Another key, another log, a signature moved under another text; a witness beside us does no harm."""
    other = SigningKey.generate()
    theirs = PublicKey(HEAD.origin, bytes(other.verify_key))
    assert read_note(sign(HEAD, other)).doubt([OURS]) == "other-key"
    assert read_note(sign(HEAD, other)).doubt([OURS, theirs]) is None
    assert read_note(NOTE).doubt([]) == "other-log"
    elsewhere = Head("other.test/banyan-log", 7, HEAD.root)
    assert read_note(sign(elsewhere, SEED)).doubt([OURS]) == "other-log"
    assert read_note(NOTE.replace("\n7\n", "\n8\n")).doubt([OURS]) == "forged"
    raw = bytearray(b64decode(NOTE.split(" ")[-1]))
    raw[-1] ^= 1
    damaged = NOTE.replace(NOTE.split(" ")[-1], f"{b64encode(raw).decode()}\n")
    assert read_note(damaged).doubt([OURS]) == "forged"
    witnessed = NOTE + sign(HEAD, other).split("\n\n")[1].replace("banyan.test/banyan-log", "witness.test")
    assert read_note(witnessed).doubt([OURS]) is None
    short = f"{HEAD.text}\n— {OURS.name} {b64encode(OURS.id + b'x').decode()}\n"
    assert read_note(short).doubt([OURS]) == "forged"


@given(st.integers(0, len(NOTE) - 1), st.characters(codec="utf-8"))
def test_no_changed_checkpoint_is_believed(place, character):
    """Whatever character stands at whatever place instead."""
    changed = NOTE[:place] + character + NOTE[place + 1 :]
    if changed == NOTE:
        return
    with suppress(NotReadable):
        assert read_note(changed).doubt([OURS]) is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        NOTE.rstrip("\n"),
        NOTE + "\n",
        NOTE.replace("\n7\n", "\n07\n"),
        NOTE.replace("\n7\n", "\n-7\n"),
        NOTE.replace("\n7\n", "\n\u0667\n"),
        NOTE.replace("\n\n", "\nmore\n\n"),
        NOTE.replace(b64encode(HEAD.root).decode(), "AAAA"),
    ],
)
def test_what_is_no_checkpoint_is_not_read(text):
    """Size with a zero before it, another script's digits, a root too short, lines too many or too few."""
    with pytest.raises(NotReadable):
        read_note(text)


@given(st.text())
def test_any_text_can_be_searched(text):
    """Whatever a person pastes: notes, or nothing."""
    for found in find_notes(text):
        with pytest.raises(NotReadable):
            read_note(found)


def test_checkpoints_are_found_as_people_copy_them():
    """Between words, with the line ends of Windows, without the last one, several; half of one shows."""
    older = sign(Head(HEAD.origin, 3, HEAD.root), SEED)
    pasted = f"The log has 7 entries.\r\n\r\n```\r\n{NOTE}```\n\nand\n{older}".replace("\n", "\r\n").rstrip()
    assert find_notes(pasted) == [NOTE, older]
    half = NOTE.split("\n", 2)[2]
    assert find_notes(half) == [half.splitlines()[-1]]
    assert find_notes("no note here\n") == []


@pytest.mark.parametrize(
    "line", ["", "name", "a+b", "a+00000000+AQ==", str(OURS).replace("banyan.test", "other.test"), "a b+c+d"]
)
def test_what_is_no_key_is_not_read(line):
    """A key that was cut off, or whose name was changed."""
    with pytest.raises(NotReadable):
        PublicKey.parse(line)
