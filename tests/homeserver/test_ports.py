"""Ports that stay the same."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from homeserver.ports import choose_ports


def test_ports_stay_over_restarts(tmp_path):
    """Links and configuration would break otherwise; a new purpose changes no old port."""
    first = choose_ports(tmp_path, ["client", "metrics"])
    assert len(set(first.values())) == 2
    assert choose_ports(tmp_path, ["client", "metrics"]) == first
    more = choose_ports(tmp_path, ["web", "client", "metrics"])
    assert first.items() <= more.items()
    assert len(set(more.values())) == 3


def test_a_port_that_is_taken_is_chosen_anew(tmp_path):
    """Only that one."""
    first = choose_ports(tmp_path, ["client", "metrics"])
    with socket.socket() as other:
        other.bind(("127.0.0.1", first["client"]))
        other.listen()
        second = choose_ports(tmp_path, ["client", "metrics"], grace=0)
    assert second["client"] != first["client"]
    assert second["metrics"] == first["metrics"]
    assert choose_ports(tmp_path, ["client", "metrics"]) == second


def test_a_port_that_is_let_go_a_moment_later_stays(tmp_path):
    """Apps and proxies know it by its number: a homeserver that dies after its parent must not move."""
    first = choose_ports(tmp_path, ["client", "metrics"])
    with socket.socket() as dying:
        dying.bind(("127.0.0.1", first["client"]))
        dying.listen()
        with ThreadPoolExecutor() as elsewhere:
            again = elsewhere.submit(choose_ports, tmp_path, ["client", "metrics"], grace=60)
            with pytest.raises(TimeoutError):
                again.result(timeout=0.2)
            dying.close()
            assert again.result() == first


def test_two_homes_do_not_meet(tmp_path):
    """Nor does a home whose memory is damaged fail."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "ports.json").write_text("not json")
    a = choose_ports(tmp_path / "a", ["client"])
    with socket.socket() as held:
        held.bind(("127.0.0.1", a["client"]))
        held.listen()
        assert choose_ports(tmp_path / "b", ["client"]) != a


def test_a_remembered_port_is_used_for_one_purpose_only(tmp_path):
    """A file edited by hand must not make two servers fight for one port."""
    first = choose_ports(tmp_path, ["client"])
    (tmp_path / "ports.json").write_text(f'{{"client": {first["client"]}, "metrics": {first["client"]}}}')
    assert len(set(choose_ports(tmp_path, ["client", "metrics"]).values())) == 2
