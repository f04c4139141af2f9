"""The network file: what it grows into, and how it answers mistakes."""

from pathlib import Path

import pytest
import yaml

from banyan.domain.rooms import RoomKind
from banyan.errors import BadFile, NotFound
from banyan.network import SCHEMA_FILE, load_network, parse_network, schema_text
from banyan.settings import DEFAULT_NETWORK
from policies.rules import EXACT

NETWORKS = DEFAULT_NETWORK.parent
MEKONG = DEFAULT_NETWORK.read_text(encoding="utf-8")


def faults(text: str) -> dict[str, str]:
    """Where → problem and hint, of a file that must be refused."""
    with pytest.raises(BadFile) as caught:
        parse_network(text, "x.yaml")
    assert caught.value.exit_status == 2
    return {fault.where: f"{fault.line}|{fault.problem}|{fault.hint}" for fault in caught.value.faults}


def change(old: str, new: str) -> str:
    assert MEKONG.count(old) == 1, old
    return MEKONG.replace(old, new)


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def test_mekong_has_the_shape_of_the_programmes():
    """Six countries, two of them split into cells, four themes, seven programmes, nine partners."""
    network = load_network(NETWORKS / "mekong.yaml")
    assert list(network.countries) == ["KH", "CN", "LA", "MM", "TH", "VN"]
    assert [area.key for area in network.areas] == ["KH", "CN-1", "CN-2", "LA", "MM-1", "MM-2", "TH", "VN"]
    assert list(network.themes) == ["climate", "justice", "defenders", "corporate"]
    assert (len(network.programmes), len(network.partners)) == (7, 9)
    scopes = [partner.scope for partner in network.partners.values()]
    assert sorted(scopes) == ["KH", "LA", "PH", "TH", "TH", "TH", "TH", "VN", "regional"]
    assert sum("research" in partner.packages for partner in network.partners.values()) == 4


def test_asia_parses():
    """Fourteen countries, 20 areas."""
    network = load_network(NETWORKS / "asia.yaml")
    assert (len(network.countries), len(network.areas)) == (14, 20)


def test_an_area_knows_its_language_zone_and_size():
    """A cell has its own code name and a size; a country that is not split has no size."""
    network = load_network(DEFAULT_NETWORK)
    cell, country = network.area("MM-2"), network.area("KH")
    assert (cell.country, cell.code_name, cell.language, cell.zone, cell.size) == (
        *("MM", "Willow", "my", "Asia/Yangon"),
        25,
    )
    assert (country.code_name, country.languages, country.size) == ("Juniper", ("km", "en"), None)


def test_expand_reaches_cells_countries_and_all():
    """A country stands for its cells, `regional` for everybody; anything else is not found, with a hint."""
    network = load_network(DEFAULT_NETWORK)
    assert [area.key for area in network.expand("MM")] == ["MM-1", "MM-2"]
    assert [area.key for area in network.expand("MM-2")] == ["MM-2"]
    assert [area.key for area in network.expand("VN")] == ["VN"]
    assert network.expand("regional") == network.areas
    with pytest.raises(NotFound, match="did you mean MM-2"):
        network.expand("MM-12")


def test_nothing_federates_unless_it_says_so():
    """Only rooms made for partners federate, and none is declared."""
    network = load_network(DEFAULT_NETWORK)
    assert [kind for kind in RoomKind if network.rooms.of(kind).federates] == [RoomKind.JOINT]
    assert not network.joint
    text = change("rain, keep_days: 90}", "rain, keep_days: 90, federates: true}")
    assert "partner servers never get" in faults(text)["rooms.alert.federates"]


def test_the_network_cannot_be_changed_after_reading():
    """Read once, frozen."""
    network = load_network(DEFAULT_NETWORK)
    with pytest.raises(ValueError, match="frozen"):
        network.name = "other"  # type: ignore[misc]


def test_every_fault_is_told_at_once_with_its_line():
    """Faults of values and of relations between parts come in one message, in the order of lines."""
    text = (
        MEKONG.replace("languages: [km, en]", "languages: [kh, en]")
        .replace("Asia/Vientiane", "Asia/Vientane")
        .replace("staff:", "staf:")
        .replace("code_name: Cedar", "code_name: larch")
        .replace("cell_size: 25", "cell_size: 250")
    )
    with pytest.raises(BadFile) as caught:
        parse_network(text, "mekong.yaml")
    found = {fault.where: fault for fault in caught.value.faults}
    assert found["countries.KH.languages.0"].line == line_of(text, "[kh, en]")
    assert found["countries.LA.time_zone"].hint == "did you mean Asia/Vientiane?"
    assert found["staf"].hint == "did you mean staff?"
    assert found["staff"].problem == "is missing"
    assert found["countries.TH.code_name"].line == line_of(text, "larch")
    assert "limits.visible_members (60)" in found["countries.MM.cell_size"].problem
    lines = [fault.line for fault in caught.value.faults]
    assert lines == sorted(lines)
    assert "mekong.yaml has" in str(caught.value)
    assert "nothing was touched" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "where", "says"),
    [
        ("  KH:\n", "  KX:\n", "countries.KX", "'KX' is not a country code"),
        ("  KH:\n", "  kh:\n", "countries.kh", "did you mean KH?"),
        ("time_zone: Asia/Yangon", "zone: Asia/Yangon", "countries.MM.zone", "did you mean time_zone?"),
        ("languages: [vi, en]", "languages: []", "countries.VN.languages", "must not be empty"),
        ("languages: [vi, en]", "languages: vi", "countries.VN.languages", "must be a list"),
        ("languages: [vi, en]", "languages: [vn]", "countries.VN.languages.0", "not a language we speak"),
        ("code_name: Aspen", "code_name: Lotus 7", "countries.VN.code_name", "cannot be a code name"),
        ("code_name: Aspen", "code_name: Vietnam", "countries.VN.code_name", "gives away 'vietnam'"),
        ("code_name: Aspen", "code_name: Old Thailand", "countries.VN.code_name", "gives away"),
        ("code_name: Aspen", "code_name: The Viet Nam", "countries.VN.code_name", "gives away 'viet'"),
        ("code_name: Aspen", "code_name: VN", "countries.VN.code_name", "gives away 'vn'"),
        ("code_name: Aspen", "code_name: Climate", "countries.VN.code_name", "gives away 'climate'"),
        ("code_name: Aspen", "code_name: Human Rights", "countries.VN.code_name", "gives away 'humanrights'"),
        ("word: rain", "word: emergency", "rooms.alert.word", "gives away 'emergency'"),
        ("word: rain", "word: shade", "rooms.alert.word", "is taken by rooms.talk.word"),
        ("    cells: [Alder, Willow]\n", "", "countries.MM", "has no code name"),
        ("    cell_size: 25\n", "", "countries.MM.cells", "have no size"),
        ("cell_size: 25", "cell_size: '25'", "countries.MM.cell_size", "must be a whole number"),
        ("cell_size: 25", "code_name: Maple", "countries.MM.code_name", "stands beside cells"),
        (
            "{rooms: [core-team], may: [gather]}",
            "{rooms: [core-taem], may: [gather]}",
            "roles.core_team.rooms.0",
            "did you mean core-team?",
        ),
        ("power: 50", "power: 100", "roles.focal_point.power", "less than or equal to 50"),
        ("{en: Hill School}", "{vi: X}", "programmes.hill-school.titles", "has no English title"),
        ("scope: PH", "scope: XX", "partners.homecoming.scope", "is not a country code"),
        ("invitation_hours: 72", "invitation_hours: 0", "limits.invitation_hours", "greater than or equal"),
        ("keep_days: 90", "keep_days: 400", "rooms.alert.keep_days", "less than or equal to 365"),
        ("  TH:\n", "  LA:\n", "countries.LA", "stands twice, first on line"),
        ("private_chats: allowed", "private_chats: maybe", "limits.private_chats", "'allowed' or 'none'"),
    ],
)
def test_a_fault_names_its_place_and_what_to_do(old, new, where, says):
    """Each kind of mistake is found where it stands."""
    text = change(old, new)
    found = faults(text)
    assert says in found[where]
    first_changed = next(
        number
        for number, (a, b) in enumerate(zip(MEKONG.splitlines(), text.splitlines(), strict=False), 1)
        if a != b
    )
    assert abs(int(found[where].split("|")[0]) - first_changed) <= 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a\n- b",
        "just words",
        "a: [",
        "\ta: 1",
        "\x00",
        "a: &x 1\nb: *x",
        "[" * 100_000,
        "!!python/name:os.x",
    ],
)
def test_what_is_not_a_network_is_refused_in_words(text):
    """Not YAML, not a mapping, anchors, nesting without end: a BadFile, never a traceback."""
    assert faults(text)


def test_anchors_are_not_unfolded():
    """A few lines of anchors could unfold to gigabytes; they are a fault of their own."""
    assert "anchors" in faults("a: &a [1]\nb: *a\n")["file"]


def test_a_key_is_text_whatever_yaml_thinks():
    """`NO` is Norway, not false."""
    text = change("  VN:\n", "  NO:\n").replace("scope: VN", "scope: 'NO'")
    assert "NO" in parse_network(text, "x").countries


def test_files_that_cannot_be_read(tmp_path: Path):
    """A missing file and one that is not UTF-8 are told as faults of the file."""
    with pytest.raises(BadFile, match="cannot be read"):
        load_network(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"name: \xff")
    with pytest.raises(BadFile, match="UTF-8"):
        load_network(tmp_path / "latin.yaml")


def test_the_schema_for_editors_is_up_to_date():
    """Write `schema_text()` to the file when this fails."""
    assert (NETWORKS / SCHEMA_FILE).read_text(encoding="utf-8") == schema_text()


@pytest.mark.parametrize("name", ["mekong.yaml", "asia.yaml"])
def test_the_examples_point_editors_at_the_schema(name):
    """The first line is the one the YAML language server reads."""
    first = (NETWORKS / name).read_text(encoding="utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema={SCHEMA_FILE}"
    assert yaml.safe_load((NETWORKS / SCHEMA_FILE).read_text(encoding="utf-8"))["type"] == "object"


WAIVED = """
waivers:
  - rule: room-stranger
    subject: talk:KH
    {only}reason: They stay until the workshop ends.
    until: 2026-12-20
"""


@pytest.mark.parametrize(
    ("text", "line", "where", "hint"),
    [
        (WAIVED.format(only=""), "- rule: room-stranger", "waivers.0.only", "add `only: {who: …}`"),
        (WAIVED.format(only="only: {name: amber-heron}\n    "), "only:", "waivers.0.only", "{who: …}"),
        (WAIVED.format(only="only: amber-heron\n    "), "only:", "waivers.0.only", "{who: …}"),
        (
            WAIVED.format(only="only: {who: amber-heron}\n    ").replace("talk:KH", "'*'"),
            "subject: '*'",
            "waivers.0.subject",
            "name the one",
        ),
    ],
)
def test_a_waiver_says_exactly_what_it_covers(text, line, where, hint):
    """Where a later stranger would be covered too, the file is refused, with the line and what to write."""
    with pytest.raises(BadFile) as caught:
        parse_network(MEKONG + text, "x.yaml", EXACT)
    faults = [fault for fault in caught.value.faults if fault.where == where and hint in fault.hint]
    assert [fault.line for fault in faults] == [line_of(MEKONG + text, line)]


def test_a_waiver_that_says_so_is_taken():
    """And one of a rule where nothing is entered or read may be of all."""
    text = MEKONG + WAIVED.format(only="only: {who: amber-heron}\n    ")
    assert parse_network(text, "x.yaml", EXACT).waivers[0].only == {"who": "amber-heron"}
    wide = text.replace("room-stranger", "device-many").replace("talk:KH", "'*'")
    assert parse_network(wide, "x.yaml", EXACT).waivers[0].subject == "*"
