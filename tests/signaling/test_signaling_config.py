"""Where the relay's configuration comes from."""

import argparse

import pytest

from signaling.config import ConfigError, RelayConfig, add_arguments


def config(environment: dict[str, str], *arguments: str) -> RelayConfig:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return RelayConfig.from_environment_and_arguments(environment, parser.parse_args(arguments))


def test_without_anything_the_defaults_hold() -> None:
    assert config({}) == RelayConfig()
    assert (RelayConfig().host, RelayConfig().port) == ("localhost", 8080)


def test_the_environment_is_read() -> None:
    assert config({"HOST": "0.0.0.0", "PORT": "9000"}) == RelayConfig(host="0.0.0.0", port=9000)


def test_empty_variables_are_none() -> None:
    assert config({"HOST": "", "PORT": ""}) == RelayConfig()


def test_options_come_before_the_environment() -> None:
    environment = {"HOST": "0.0.0.0", "PORT": "nonsense"}
    assert config(environment, "--host", "::1", "--port", "0") == RelayConfig(host="::1", port=0)


def test_every_interface_can_be_asked_for() -> None:
    assert config({"HOST": "localhost"}, "--host", "").host == ""


@pytest.mark.parametrize(
    ("option", "field", "values"),
    [
        ("--allow-origin", "allowed_origins", ("https://a.example", "null")),
        ("--allow-host", "allowed_hosts", ("a.example", "192.0.2.1")),
    ],
)
def test_origins_and_hosts_add_up(option: str, field: str, values: tuple[str, str]) -> None:
    both = (option, values[0], option, values[1])
    environment = {f"SIGNALING_{option[2:].replace('-', '_').upper()}": " ".join(values)}
    assert getattr(config({}, *both), field) == values
    assert getattr(config(environment), field) == values
    assert getattr(config(environment, option, values[1]), field) == values[1:]
    with pytest.raises(ConfigError, match=r"^'\*' is no (web origin|host): write"):
        config({}, option, "*")


@pytest.mark.parametrize("port", ["http", "-1", "65536", "8080.0", "1e3", " 80", "٨٠", "9" * 5000])
def test_a_port_is_a_number(port: str) -> None:
    with pytest.raises(ConfigError, match=r"^PORT: .* is no port: use a number from 0"):
        config({"PORT": port})
    with pytest.raises(ConfigError, match=r"^--port: "):
        config({}, f"--port={port}")


def test_a_program_can_not_give_an_impossible_port_either() -> None:
    with pytest.raises(ConfigError):
        RelayConfig(port=70_000)
