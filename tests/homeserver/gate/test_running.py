"""What the running homeserver tells of its settings."""

import json
from types import SimpleNamespace

import pytest
import yaml

from homeserver.config import HomeserverSpec, Paths, configuration
from homeserver.gate.running import running_settings
from homeserver.hardening import HARDENING

SECRETS = {
    "registration_shared_secret": "hidden",
    "macaroon_secret_key": "hidden",
    "old_signing_keys": {"ed25519:a": {"key": "hidden", "expired_ts": 1}},
    "email": {"smtp_host": "mail.example", "smtp_pass": "hidden"},
    "password_config": {"pepper": "hidden", "policy": {"enabled": True, "minimum_length": 14}},
    "sentry": {"dsn": "https://hidden@example"},
    "database": {"name": "psycopg2", "args": {"user": "synapse", "password": "hidden"}},
    "trusted_key_servers": [{"server_name": "hidden", "verify_keys": {"ed25519:a": "hidden"}}],
    "oidc_providers": [
        {"idp_id": "x", "client_secret": "hidden", "client_auth": {"jwt": {"key": ["hidden"]}}}
    ],
}


@pytest.fixture
def running(tmp_path):
    """Reads these settings back as a started Synapse tells them."""

    def read(config):
        file = tmp_path / "homeserver.yaml"
        file.write_text(yaml.safe_dump({"server_name": "x", "report_stats": False} | config))
        hs = SimpleNamespace(config=SimpleNamespace(config_files=[str(file)]))
        return running_settings(SimpleNamespace(_hs=hs))

    return read


def test_no_secret_is_told(running):
    """Wherever it stands; what is beside it is."""
    told = running(SECRETS)
    assert "hidden" not in json.dumps(told)
    assert told["password_config"] == {"policy": {"enabled": True, "minimum_length": 14}}
    assert told["email"] == {"smtp_host": "mail.example"}
    assert told["trusted_key_servers"] == [{"verify_keys": {}}], "that there is one is told"
    assert told["old_signing_keys"] == {"ed25519:a": {"expired_ts": 1}}


def test_every_setting_that_the_audit_asks_about_is_told(running, tmp_path):
    """Among them are names such as `registration_requires_token`."""
    spec = HomeserverSpec("banyan.test", 1, 2, "http://127.0.0.1:9")
    told = running(configuration(Paths(tmp_path), spec))
    for path, setting in HARDENING.items():
        value = told
        for key in path.split("."):
            value = value[key]
        assert value == setting.value, path
    assert str(tmp_path / "secrets") not in json.dumps(
        {name: value for name, value in told.items() if name != "app_service_config_files"}
    )


def test_what_only_yaml_knows_becomes_text(running):
    """A date would not be JSON."""
    assert running({"x": yaml.safe_load("2030-01-01")})["x"] == "2030-01-01"
