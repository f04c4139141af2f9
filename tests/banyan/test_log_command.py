"""`banyan log`: every attack on the log shows to who holds a checkpoint outside."""

import asyncio
import json
import shutil
import sqlite3
import sys
from datetime import UTC, datetime, timedelta

import pytest
from nacl.signing import SigningKey

from banyan.bootstrap.home import open_home
from banyan.cli import main
from banyan.domain.log import GENESIS, Action, NewEntry, about_member, entry_body, leaf_hash
from banyan.domain.merkle import consistent, included, root
from banyan.domain.notes import Head, find_notes, read_note, sign
from banyan.domain.people import Member, Placement
from banyan.files import create_secret
from banyan.notary import origin_of
from banyan.settings import Home

ENTRIES, OUTSIDE = 9, 6
"""How many entries there are, and how many the checkpoint covers that somebody keeps outside."""
NAME = "amber-heron"


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A home whose log was signed three times; the second checkpoint and the public key are kept outside."""
    directory = tmp_path_factory.mktemp("log")
    home = Home(directory / "home")
    create_secret(home.secret("registrar.token"), "a network was started here")

    async def build():
        async with open_home(home) as parts:
            for part in range(3):
                async with parts.work() as tx:
                    for number in range(3):
                        frozen = Member(f"{part}{number}".zfill(32), NAME, Placement("KH"), "en")
                        entry = about_member(Action.MEMBER_FROZEN, "security_officer:blue-crane", frozen)
                        await tx.log.append(entry)
                await parts.checkpoints.tend()
            return [each.note for each in await parts.log.checkpoints()]

    notes = asyncio.run(build())
    assert [read_note(note).head.size for note in notes] == [3, 6, 9]
    (directory / "held.txt").write_text(f"The log has 6 entries.\n\n{notes[1]}")
    shutil.copy(home.path / "log.pub", directory / "held.pub")
    return directory


@pytest.fixture
def place(grown, tmp_path):
    """A copy of all of it, to be attacked."""
    shutil.copytree(grown, tmp_path / "log")
    return tmp_path / "log"


@pytest.fixture
def banyan(monkeypatch, capsys):
    """Run `banyan log`; its exit status, and both of what it said."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["banyan", "log", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code or 0, said.out, said.err

    return run


@pytest.fixture
def verify(banyan, place):
    """Check the home, or an export of it, against what is held outside."""

    def run(*more, held="held.txt", export=None):
        words = ["--export", export] if export else ["--home", place / "home"]
        if held:
            words += ["--checkpoint", place / held]
        status, out, _ = banyan("verify", *words, "--key", place / "held.pub", "--json", *more)
        return status, json.loads(out)

    return run


@pytest.fixture
def log(place):
    """The database, with the triggers out of the way that forbid all this."""
    connection = sqlite3.connect(place / "home" / "banyan.db", isolation_level=None)
    connection.execute("DROP TRIGGER log_no_update")
    connection.execute("DROP TRIGGER log_no_delete")
    yield connection
    connection.close()


def test_a_log_that_nobody_touched_is_sound(verify):
    """Proven against the older checkpoint held outside and our own three; the JSON lets others prove it."""
    status, said = verify()
    assert status == 0
    assert (said["sound"], said["entries"], said["proven"], said["key"]) == (True, 9, [3, 6, 9], "outside")
    assert [each["size"] for each in said["held"]] == [OUTSIDE]


def test_the_consistency_proof_holds_for_who_has_two_checkpoints(verify, place, banyan):
    """Without any entry: the one held outside, the latest, and the proof between them."""
    from base64 import b64decode

    old = read_note(held_outside(place)).head
    new = read_note(banyan("checkpoint", "--home", place / "home")[1]).head
    path = [b64decode(each) for each in verify()[1]["held"][0]["consistency"]]
    assert consistent(old.size, old.root, new.size, new.root, path)


def flip(log, _place):
    log.execute("UPDATE log SET body = replace(body, 'blue-crane', 'blue-crone') WHERE seq = 2")


def drop_the_tail(log, _place):
    log.execute("DELETE FROM log WHERE seq >= ?", (OUTSIDE,))


def drop_the_middle(log, _place):
    log.execute("DELETE FROM log WHERE seq = 4")


def swap(log, _place):
    log.execute("UPDATE log SET seq = -3 WHERE seq = 3")
    log.execute("UPDATE log SET seq = 3 WHERE seq = 4")
    log.execute("UPDATE log SET seq = 4 WHERE seq = -3")


def rebuild(log, place):
    """Another story, every hash right, and our own checkpoints signed again with our own key."""
    for table in ("openings", "checkpoints", "log"):
        log.execute(f"DELETE FROM {table}")
    prev, leaves = GENESIS, []
    key = SigningKey(bytes.fromhex((place / "home/secrets/log.key").read_text()))
    for seq in range(1, ENTRIES + 1):
        at = datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=seq)
        body = entry_body(NewEntry(Action.MEMBER_FROZEN, "operator", "x"), seq=seq, at=at, prev=prev)
        prev = leaf_hash(body)
        leaves.append(bytes.fromhex(prev))
        naive = at.replace(tzinfo=None).isoformat(" ", "microseconds")
        log.execute("INSERT INTO log VALUES (?, ?, ?, ?)", (seq, naive, body, prev))
        note = sign(Head(origin_of("banyan.localhost"), seq, root(leaves)), key)
        log.execute("INSERT INTO checkpoints VALUES (?, ?, ?)", (seq, naive, note))


ATTACKS = {
    flip: "hash",
    drop_the_tail: "short",
    drop_the_middle: "gap",
    swap: "prev",
    rebuild: "changed",
}


def whys(said):
    return {each["why"] for each in said["doubts"]} | ({said["broken"]["why"]} if said["broken"] else set())


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_shows_against_a_checkpoint_held_outside(verify, log, place, attack):
    """Whatever is done to the database of the home."""
    attack(log, place)
    status, said = verify()
    assert (status, said["sound"]) == (1, False)
    assert ATTACKS[attack] in whys(said)


def test_only_a_checkpoint_held_outside_shows_a_rebuilt_log(verify, log, place, banyan):
    """To who has nothing but the machine it looks sound; that is what they are told."""
    rebuild(log, place)
    assert verify(held=None)[0] == 0
    status, out, _ = banyan("verify", "--home", place / "home")
    assert status == 0
    assert "who holds the machine can rewrite all of it" in out
    status, out, _ = banyan("verify", "--home", place / "home", "--checkpoint", place / "held.txt")
    assert status == 1
    assert "something from entry 1 to 6 was changed" in out


def without(line):
    return lambda lines: [each for at, each in enumerate(lines) if at != line]


def swapped(lines):
    return [*lines[:3], lines[4], lines[3], *lines[5:]]


def flipped(lines):
    return [*lines[:2], lines[2].replace(b"blue-crane", b"blue-crone"), *lines[3:]]


def cut(lines):
    return [*lines[:OUTSIDE], b"", *lines[ENTRIES + 2 :]]


def emptied(lines):
    return [lines[0], *lines[ENTRIES + 1 :]]


@pytest.mark.parametrize("attack", [flipped, without(4), swapped, cut, emptied, without(1)])
def test_an_attack_on_an_export_shows(verify, banyan, place, attack):
    """The file alone is checked: no home, no database, no network."""
    export = place / "log.txt"
    status, _, _ = banyan("export", export, "--home", place / "home")
    assert status == 0
    shutil.rmtree(place / "home")
    assert verify(export=export)[0] == 0
    export.write_bytes(b"\n".join(attack(export.read_bytes().split(b"\n"))))
    status, said = verify(export=export)
    assert (status, said["sound"]) == (1, False)
    assert not (place / "home").exists()


def test_every_byte_of_an_entry_counts(verify, banyan, place):
    """One bit anywhere in the entries that the checkpoint covers."""
    export = place / "log.txt"
    banyan("export", export, "--home", place / "home")
    whole = export.read_bytes()
    begins = whole.index(b"\n") + 1
    ends = [at for at, byte in enumerate(whole) if byte == ord("\n")][OUTSIDE]
    for at in range(begins, ends, 97):
        export.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert verify(export=export)[0] == 1, at


def test_an_export_names_nobody_it_is_about(banyan, place):
    """Who decided stands in it, whom it was about does not; nor does the key that signs."""
    export = place / "log.txt"
    banyan("export", export, "--home", place / "home")
    said = export.read_text()
    assert NAME not in said
    assert "security_officer:blue-crane" in said
    assert (place / "home/secrets/log.key").read_text().strip() not in said
    assert export.stat().st_mode & 0o777 == 0o600
    assert NAME in banyan("show", "--home", place / "home")[1]


def held_outside(place):
    return find_notes((place / "held.txt").read_text())[0]


def forged(place, **changes):
    """The checkpoint held outside, changed and signed with a key of somebody's own."""
    head = read_note(held_outside(place)).head
    about = {"origin": head.origin, "size": head.size, "root": head.root} | changes
    return sign(Head(**about), SigningKey.generate())


def test_a_checkpoint_that_another_key_signed_is_not_believed(verify, place):
    """Not even where what it says is true; nor one of another network, one that was changed or cut."""
    held = place / "held.txt"
    true, other, elsewhere = held_outside(place), forged(place), forged(place, origin="other.test/banyan-log")
    for note, why in (
        (other, "other-key"),
        (elsewhere, "other-log"),
        (true.replace("\n6\n", "\n7\n"), "forged"),
        (true.split("\n", 1)[1], "garbled"),
    ):
        held.write_text(note)
        status, said = verify()
        assert (status, whys(said)) == (1, {why})


def test_one_false_checkpoint_among_true_ones_is_enough(verify, banyan, place):
    """A file may hold several."""
    true = banyan("checkpoint", "--all", "--home", place / "home")[1]
    (place / "held.txt").write_text(true)
    assert verify()[0] == 0
    (place / "held.txt").write_text(f"{true}\n{forged(place)}")
    assert verify()[0] == 1


def test_the_proof_of_one_entry(verify, banyan, place):
    """C2SP `tlog-proof`: index, path and checkpoint are all that is needed beside the entry."""
    from base64 import b64decode

    status, said, told = banyan(
        "verify", "--home", place / "home", "--checkpoint", place / "held.txt", "--entry", 4
    )
    assert status == 0
    assert "every one follows" in told
    lines, note = said.split("\n\n", 1)
    version, index, *path = lines.split("\n")
    assert (version, index) == ("c2sp.org/tlog-proof@v1", "index 3")
    head = read_note(note).head
    assert head.size == OUTSIDE
    entry = sqlite3.connect(place / "home/banyan.db").execute("SELECT body FROM log WHERE seq = 4").fetchone()
    assert included(
        bytes.fromhex(leaf_hash(entry[0])), 3, head.size, [b64decode(each) for each in path], head.root
    )
    assert verify("--entry", 7)[1]["proof"].endswith("\n")
    assert banyan("verify", "--home", place / "home", "--entry", 10)[0] == 2


def test_what_cannot_be_used_is_told(banyan, place):
    """A file without a checkpoint, an export that is none, a key that is none: status 2, what to do."""
    empty = place / "empty"
    empty.write_bytes(b"\xff\x00 nothing\n")
    home = place / "home"
    for words, hint in (
        (["--home", home, "--checkpoint", empty], "Copy one whole"),
        (["--export", empty], "banyan log export"),
        (["--home", home, "--key", empty], "log.pub"),
        (["--home", home, "--key", place / "nowhere"], "nowhere"),
    ):
        status, _, told = banyan("verify", *words)
        assert status == 2
        assert hint in told
        assert "Traceback" not in told


def test_a_broken_log_is_not_exported(banyan, log, place):
    """What it would say could not be checked."""
    flip(log, place)
    status, _, told = banyan("export", place / "log.txt", "--home", place / "home")
    assert status == 1
    assert "Entry 2" in told
    assert not (place / "log.txt").exists()


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE log SET at = 'never' WHERE seq = 2",
        "UPDATE log SET body = 7 WHERE seq = 2",
        "UPDATE log SET hash = x'00' WHERE seq = 2",
        "UPDATE openings SET salt = 'not hex' WHERE seq = 2",
        "UPDATE checkpoints SET note = x'00' WHERE size = 6",
    ],
)
def test_what_we_never_write_is_told_in_a_sentence(banyan, log, place, spoil):
    """Somebody who writes past us does not make the check fall over."""
    log.execute(spoil)
    status, out, told = banyan("verify", "--home", place / "home", "--checkpoint", place / "held.txt")
    assert status == 1
    assert out or told.startswith("log-broken")


def test_a_public_key_that_was_deleted_hides_nothing(banyan, place):
    """Our own checkpoints are not left out then."""
    (place / "home" / "log.pub").unlink()
    assert banyan("verify", "--home", place / "home")[0] == 1
