"""The rendered configuration, read by the installed Synapse's own parser."""

import stat
from dataclasses import replace
from types import SimpleNamespace

import pytest
import yaml
from synapse.config._base import ConfigError
from synapse.config.homeserver import HomeServerConfig
from synapse.handlers.password_policy import PasswordPolicyHandler

from homeserver.config import FederationSpec, HomeserverSpec, Paths, PostgresSpec, render
from homeserver.hardening import HARDENING
from tests.certificates import certificate
from tests.homeserver.asked import Asked

SPEC = HomeserverSpec(
    server_name="banyan.test", client_port=8008, metrics_port=9000, private_url="http://127.0.0.1:9001"
)

BY_VALUE = {
    # Taken whole, never key by key: put into an event, handed to the database's driver
    "default_power_level_content_override.private_chat",
    "database",
}


def rendered(home, spec=SPEC) -> dict:
    render(home, spec)
    return yaml.safe_load(Paths(home).config.read_text())


def parsed(home, content: dict) -> Asked:
    asked = Asked(content)
    config = HomeServerConfig()
    config.parse_config_dict(
        asked, str(home / "synapse"), str(home / "synapse"), allow_secrets_in_config=False
    )
    # the one part that is read key by key only when it is used
    PasswordPolicyHandler(SimpleNamespace(config=config)).validate_password("Long enough, with 1 digit.")
    return asked


def unknown(home, content: dict) -> set[str]:
    """Keys that Synapse never asked for, but for those below what it takes as one value."""
    paths = parsed(home, content).unasked()
    return {path for path in paths if not any(path.startswith(f"{whole}.") for whole in BY_VALUE)}


@pytest.mark.parametrize(
    "spec",
    [
        SPEC,
        replace(SPEC, public_baseurl="https://m.banyan.test/", behind_proxy=True, private_chats=False),
        replace(SPEC, federation_whitelist=("partner.test",)),
    ],
)
def test_synapse_knows_every_key(tmp_path, spec):
    """A key that Synapse ignores protects nobody."""
    assert unknown(tmp_path, rendered(tmp_path, spec)) == set()


def test_synapse_knows_every_key_of_its_own_listener_for_partners(tmp_path):
    """Certificate, key, authorities and the addresses it may visit."""
    assert unknown(tmp_path, rendered(tmp_path, with_listener(tmp_path))) == set()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("enable_3pid_lookup", "enable_3pid_lookups"),
        ("user_directory.enabled", "user_directory.enable"),
        ("experimental_features.msc4155_enabled", "experimental_features.msc4155"),
        ("password_config.policy.minimum_length", "password_config.policy.min_length"),
        ("rc_login.failed_attempts.per_second", "rc_login.failed_attempts.per_seconds"),
        ("rc_login.failed_attempts", "rc_login.failed_attempt"),
        ("retention.default_policy.max_lifetime", "retention.default_policy.maximum_lifetime"),
        ("media_retention.remote_media_lifetime", "media_retention.remote_lifetime"),
        ("push.include_content", "push.include_contents"),
    ],
)
def test_a_typo_is_noticed(tmp_path, right, wrong):
    """At every depth."""
    config = rendered(tmp_path)
    _set(config, wrong, _pop(config, right))
    assert wrong in unknown(tmp_path, config)


def test_every_hardening_is_in_the_file(tmp_path):
    """As the table says, whatever the network declares."""
    open_spec = replace(SPEC, federation_whitelist=("partner.test",), public_baseurl="https://m.banyan.test/")
    for spec in (SPEC, open_spec):
        config = rendered(tmp_path, spec)
        for path, setting in HARDENING.items():
            value = config
            for key in path.split("."):
                value = value[key]
            assert value == setting.value, path
            assert setting.reason


def test_what_must_stay_unset_is_unset(tmp_path):
    """`session_lifetime` would log every bot and member out; a pepper would be a secret in the file."""
    config = rendered(tmp_path)
    assert not {"session_lifetime", "nonrefreshable_access_token_lifetime", "auto_join_rooms"} & set(config)
    assert "pepper" not in config["password_config"]


def test_synapse_refuses_secrets_in_the_file(tmp_path):
    """The check that the rendered file passes is a real one."""
    with pytest.raises(ConfigError):
        parsed(tmp_path, rendered(tmp_path) | {"form_secret": "x"})


def test_federation_is_served_only_to_declared_partners(tmp_path):
    """Without a partner there is no listener for other servers, and nobody is allowed."""
    alone, with_partner = (
        rendered(tmp_path),
        rendered(tmp_path, replace(SPEC, federation_whitelist=("p.test",))),
    )
    assert alone["federation_domain_whitelist"] == []
    assert "federation" not in str(alone["listeners"])
    assert with_partner["federation_domain_whitelist"] == ["p.test"]
    assert "federation" in str(with_partner["listeners"])


def with_listener(home, *servers, loopback=True):
    made = certificate(home / "tls", "banyan.test")
    own = FederationSpec(8448, "127.0.0.1", made.chain, made.key, (made.authority,), loopback)
    return replace(SPEC, federation_whitelist=servers or ("partner.test",), federation=own)


def test_with_a_certificate_partners_have_a_door_of_their_own(tmp_path):
    """Federation only, over TLS; the client's port serves no server any more."""
    config = rendered(tmp_path, with_listener(tmp_path))
    clients, partners, _ = config["listeners"]
    assert [each["names"] for each in clients["resources"]] == [["client"]]
    assert [each["names"] for each in partners["resources"]] == [["federation"]]
    assert (partners["port"], partners["tls"]) == (8448, True)
    assert config["ip_range_blacklist"] == []


def test_private_networks_are_visited_only_on_request(tmp_path):
    """A partner's name must not make our homeserver knock at its neighbours."""
    assert "ip_range_blacklist" not in rendered(tmp_path, with_listener(tmp_path, loopback=False))
    assert "ip_range_blacklist" not in rendered(tmp_path, replace(SPEC, federation_whitelist=("p.test",)))


def test_a_certificate_opens_no_door_without_a_partner(tmp_path):
    """The door is there only while somebody may come through it."""
    spec = replace(with_listener(tmp_path), federation_whitelist=())
    assert rendered(tmp_path, spec) == rendered(tmp_path)


def test_everything_listens_on_loopback_and_trusts_no_header(tmp_path):
    """X-Forwarded-For is believed only when a proxy is declared: it would lift the limits on guessing."""
    for listener in rendered(tmp_path)["listeners"]:
        assert listener["bind_addresses"] == ["127.0.0.1"]
        assert not listener.get("x_forwarded")
    assert rendered(tmp_path, replace(SPEC, behind_proxy=True))["listeners"][0]["x_forwarded"] is True


def test_secrets_are_made_once_and_are_private(tmp_path):
    """A second rendering, also with other ports, keeps every secret; nobody else can read one."""
    render(tmp_path, SPEC)
    before = {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}
    render(tmp_path, replace(SPEC, client_port=8009))
    after = {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}
    assert before == after
    for file in (tmp_path / "secrets").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for directory in ("secrets", "logs", "synapse"):
        assert stat.S_IMODE((tmp_path / directory).stat().st_mode) == 0o700
    text = Paths(tmp_path).config.read_text()
    assert not [name for name, secret in before.items() if secret.strip() in text]


def test_registrations_cover_exactly_our_accounts(tmp_path):
    """One account for the warden; three exact names for the speakers, who hear nothing."""
    render(tmp_path, SPEC)
    warden = yaml.safe_load((tmp_path / "secrets" / "warden.yaml").read_text())
    speakers = yaml.safe_load((tmp_path / "secrets" / "speakers.yaml").read_text())
    assert (warden["url"], speakers["url"]) == (SPEC.private_url, None)
    assert [entry["regex"] for entry in warden["namespaces"]["users"]] == [r"^@warden:banyan\.test$"]
    assert [entry["regex"] for entry in speakers["namespaces"]["users"]] == [
        rf"^@{name}:banyan\.test$" for name in ("desk", "alarm", "steward")
    ]
    assert len({warden[key] for key in ("as_token", "hs_token")} | {speakers["as_token"]}) == 3


def test_postgresql_takes_its_password_from_a_file(tmp_path):
    """The password, colons and backslashes included, is in a file of mode 0600 and nowhere else."""
    password = tmp_path / "password"
    password.write_text("a:b\\c\n")
    spec = replace(SPEC, database=PostgresSpec("db.test", 5432, "synapse", password, "banyan"))
    config = rendered(tmp_path, spec)
    assert config["database"]["name"] == "psycopg2"
    pgpass = tmp_path / "secrets" / "pgpass"
    assert config["database"]["args"]["passfile"] == str(pgpass)
    assert pgpass.read_text() == "db.test:5432:banyan:synapse:a\\:b\\\\c\n"
    assert stat.S_IMODE(pgpass.stat().st_mode) == 0o600
    assert "a:b" not in Paths(tmp_path).config.read_text()


def _pop(config: dict, path: str):
    *parents, last = path.split(".")
    for key in parents:
        config = config[key]
    return config.pop(last)


def _set(config: dict, path: str, value) -> None:
    *parents, last = path.split(".")
    for key in parents:
        config = config[key]
    config[last] = value
