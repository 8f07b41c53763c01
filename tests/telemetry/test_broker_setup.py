"""What sternway-broker-setup makes, under the real Mosquitto: who gets in, and who may say what."""

from __future__ import annotations

import asyncio
import gc
import getpass
import re
import shutil
import ssl
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import pytest

from settings_files.telemetry_table import BrokerSettings, TlsSettings
from simulator.broker import _free_port
from telemetry.broker_client import make_client

SCRIPT = Path(__file__).parents[2] / "scripts/broker_setup.sh"
BASE = "sternway/v1/clinic-a"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")

pytestmark = pytest.mark.skipif(MOSQUITTO is None or shutil.which("openssl") is None, reason="mosquitto or openssl is missing")


def environment_in(directory: Path, *, tools: Path | None = None) -> dict[str, str]:
    """Where the script finds and puts everything; a tool in `tools` is taken instead of the machine's."""
    return {
        "PATH": f"{tools}:{PATH}" if tools else PATH,
        "STERNWAY_BROKER_HOME": str(directory / "home"),
        "STERNWAY_MOSQUITTO_DIRECTORY": str(directory / "mosquitto"),
        "STERNWAY_TELEMETRY_KEYS": str(directory / "keys"),
        "STERNWAY_UNIT_DIRECTORY": str(directory / "unit"),
    }


def attempt(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """The script, which may fail."""
    return subprocess.run(["sh", str(SCRIPT), *words], env=environment, capture_output=True, text=True, check=False)


class Clinic:
    """A broker with two treadmills, a dashboard and a therapist at the first treadmill."""

    def __init__(self, directory: Path, *options: str) -> None:
        """options: of the command `init`."""
        self.directory = directory
        self.environment = environment_in(directory)
        (directory / "mosquitto/conf.d").mkdir(parents=True, exist_ok=True)
        self.run("init", "clinic-a", *options)
        for treadmill in ("treadmill-1", "treadmill-2"):
            self.run("treadmill", treadmill)
            self.unpack(treadmill)
        self.passwords = {
            "wall": self.run("dashboard", "wall").split()[-1],
            "anna": self.run("therapist", "anna", "treadmill-1").split()[-1],
        }
        self.ports = {usual: _free_port() for usual in (8883, 8884, 9443)}
        self.process: subprocess.Popen[bytes] | None = None

    def unpack(self, treadmill: str) -> None:
        """What is carried to a treadmill, as if it had been."""
        with tarfile.open(self.directory / f"home/{treadmill}.tar") as archive:
            archive.extractall(self.directory / treadmill, filter="data")

    def run(self, *words: str, script: Path = SCRIPT) -> str:
        done = subprocess.run(["sh", str(script), *words], env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self) -> None:
        text = (self.directory / "mosquitto/conf.d/sternway.conf").read_text(encoding="utf-8")
        for usual, port in self.ports.items():
            text = text.replace(f"listener {usual} ", f"listener {port} ")
        configuration = self.directory / "mosquitto.conf"
        configuration.write_text(f"user {getpass.getuser()}\nlog_dest stderr\n{text}", encoding="utf-8")
        assert MOSQUITTO is not None
        with (self.directory / "log").open("wb") as log:
            self.process = subprocess.Popen([MOSQUITTO, "-v", "-c", str(configuration)], stdout=log, stderr=log)
        deadline = time.monotonic() + 5.0
        while " running" not in self.log() and time.monotonic() < deadline and self.process.poll() is None:
            time.sleep(0.02)
        if " running" not in self.log():
            self.stop()
            pytest.fail(self.log())

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=5.0)
            self.process = None

    def log(self) -> str:
        path = self.directory / "log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def settings(self, treadmill: str) -> BrokerSettings:
        """What the treadmill's configuration file says after `join`."""
        keys = self.directory / treadmill
        tls = TlsSettings(True, str(keys / "authority.crt"), str(keys / "client.crt"), str(keys / "client.key"))
        return BrokerSettings(host="localhost", port=self.ports[8883], tls=tls)

    def person(self, name: str, password: str | None = None, transport: str = "tcp") -> aiomqtt.Client:
        """A client of somebody with a password."""
        context = ssl.create_default_context(cafile=str(self.directory / "home/authority.crt"))
        return aiomqtt.Client(
            "localhost",
            self.ports[9443 if transport == "websockets" else 8884],
            username=name,
            password=password if password is not None else self.passwords[name],
            protocol=aiomqtt.ProtocolVersion.V5,
            tls_context=context,
            transport=transport,  # type: ignore[arg-type]
            timeout=5,
        )


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    made = Clinic(tmp_path_factory.mktemp("clinic"))
    made.start()
    yield made
    made.stop()


async def publish(client: aiomqtt.Client, topic: str) -> int:
    """Publishes with QoS 1 and returns the broker's reason code: 0, or 16 where nobody listens; 135: not authorised."""
    answers: list[int] = []
    arrived = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_publish(_client: object, _data: object, _identifier: int, reason: object, _properties: object) -> None:
        answers.append(int(reason.value))  # type: ignore[attr-defined]
        loop.call_soon_threadsafe(arrived.set)

    client._client.on_publish = on_publish  # type: ignore[assignment]
    client._client.publish(topic, b"x", qos=1)
    async with asyncio.timeout(5):
        await arrived.wait()
    return answers[0]


NOT_AUTHORISED = 135
TAKEN = (0, 16)


async def test_telemetry_connects_with_its_certificate_and_speaks_for_its_treadmill_alone(clinic: Clinic) -> None:
    client = await make_client(clinic.settings("treadmill-1"), "sternway-1", f"{BASE}/treadmill-1/availability")
    async with client:
        for topic in ("availability", "about", "state", "session", "telemetry", "event", "alarm", "response/anna/1"):
            await client.publish_confirmed(f"{BASE}/treadmill-1/{topic}", b"x", topic == "availability")
        for topic in (f"{BASE}/treadmill-2/state", f"{BASE}/treadmill-2/command/stop", f"{BASE}/treadmill-1/command/stop", "other"):
            with pytest.raises(Exception, match="Not authorized"):
                await client.publish_confirmed(topic, b"x")


async def test_commands_reach_the_treadmill_they_are_for_and_no_other(clinic: Clinic) -> None:
    own = await make_client(clinic.settings("treadmill-1"), "sternway-1", f"{BASE}/treadmill-1/availability")
    foreign = await make_client(clinic.settings("treadmill-2"), "sternway-2", f"{BASE}/treadmill-2/availability")
    async with own, foreign, clinic.person("anna") as anna:
        await own.subscribe(f"{BASE}/treadmill-1/command/#", qos=1)
        await foreign.subscribe("#", qos=1)
        assert await publish(anna, f"{BASE}/treadmill-1/command/stop") in TAKEN
        async with asyncio.timeout(5):
            message = await anext(aiter(own.messages))
        assert str(message.topic) == f"{BASE}/treadmill-1/command/stop"
        assert len(foreign.messages) == 0


async def test_a_therapist_commands_only_where_this_person_works(clinic: Clinic) -> None:
    async with clinic.person("anna") as anna:
        for command in ("stop", "session/prepare", "session/cancel", "symptom", "alarm/silence"):
            assert await publish(anna, f"{BASE}/treadmill-1/command/{command}") in TAKEN
        for topic in (f"{BASE}/treadmill-2/command/stop", f"{BASE}/treadmill-1/state", f"{BASE}/treadmill-1/command/start"):
            assert await publish(anna, topic) == NOT_AUTHORISED


@pytest.mark.parametrize("transport", ["tcp", "websockets"])
async def test_a_dashboard_reads_and_can_say_nothing(clinic: Clinic, transport: str) -> None:
    treadmill = await make_client(clinic.settings("treadmill-1"), "sternway-1", f"{BASE}/treadmill-1/availability")
    async with clinic.person("wall", transport=transport) as wall, treadmill:
        await wall.subscribe(f"{BASE}/#", qos=1)
        await treadmill.publish_confirmed(f"{BASE}/treadmill-1/event", b"seen")
        async with asyncio.timeout(5):
            async for message in wall.messages:
                if message.payload == b"seen":
                    break
        for topic in ("command/stop", "command/session/prepare", "state", "event"):
            assert await publish(wall, f"{BASE}/treadmill-1/{topic}") == NOT_AUTHORISED


@pytest.mark.parametrize(("name", "password"), [("", ""), ("wall", "wrong"), ("nobody", "x"), ("treadmill-1", "")])
async def test_without_the_right_password_nobody_gets_in(clinic: Clinic, name: str, password: str) -> None:
    with pytest.raises(aiomqtt.MqttError, match=r"(?i)not authori[sz]ed"):
        async with clinic.person(name, password):
            pass


async def refused(clinic: Clinic, settings: BrokerSettings) -> bool:
    """Whether the broker's own log says that it let nobody in; the client sees no more than a closed connection."""
    before = clinic.log().count("New client connected")
    try:
        async with await make_client(settings, "intruder", f"{BASE}/treadmill-1/availability"):
            return False
    except (aiomqtt.MqttError, ssl.SSLError):
        return clinic.log().count("New client connected") == before


async def test_a_certificate_of_another_authority_is_refused(clinic: Clinic, tmp_path: Path) -> None:
    other = Clinic(tmp_path)
    mine = clinic.settings("treadmill-1")
    theirs = TlsSettings(True, mine.tls.ca_file, str(tmp_path / "treadmill-1/client.crt"), str(tmp_path / "treadmill-1/client.key"))
    assert other.process is None
    assert await refused(clinic, BrokerSettings(host="localhost", port=mine.port, tls=theirs))
    assert not await refused(clinic, mine)


@pytest.mark.parametrize("missing", ["authority", "certificate", "key"])
async def test_a_key_that_is_not_there_is_named(clinic: Clinic, tmp_path: Path, missing: str) -> None:
    own = clinic.settings("treadmill-1").tls
    gone = str(tmp_path / f"{missing}.pem")
    authority, certificate, key = (
        gone if missing == name else path
        for name, path in (("authority", own.ca_file), ("certificate", own.certificate_file), ("key", own.key_file))
    )
    settings = BrokerSettings(host="localhost", tls=TlsSettings(True, authority, certificate, key))
    with pytest.raises(FileNotFoundError, match=re.escape(gone)):
        await make_client(settings, "sternway-1", f"{BASE}/treadmill-1/availability")


async def test_no_certificate_is_refused(clinic: Clinic) -> None:
    mine = clinic.settings("treadmill-1")
    assert await refused(clinic, BrokerSettings(host="localhost", port=mine.port, tls=TlsSettings(True, mine.tls.ca_file)))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_telemetry_refuses_a_broker_that_its_authority_did_not_sign(clinic: Clinic, tmp_path: Path) -> None:
    Clinic(tmp_path)
    mine = clinic.settings("treadmill-1").tls
    fooled = TlsSettings(True, str(tmp_path / "home/authority.crt"), mine.certificate_file, mine.key_file)
    with pytest.raises(aiomqtt.MqttError, match="certificate verify failed"):
        async with await make_client(BrokerSettings(host="localhost", port=clinic.ports[8883], tls=fooled), "x", f"{BASE}/a"):
            pass
    gc.collect()  # paho leaves the socket of a failed handshake to the collector, which warns of it


async def test_who_is_removed_gets_in_no_more(tmp_path: Path) -> None:
    made = Clinic(tmp_path)
    made.run("remove", "treadmill-2")
    made.run("remove", "wall")
    made.start()
    try:
        assert await refused(made, made.settings("treadmill-2"))
        assert not await refused(made, made.settings("treadmill-1"))
        with pytest.raises(aiomqtt.MqttError, match=r"(?i)not authori[sz]ed"):
            async with made.person("wall"):
                pass
    finally:
        made.stop()


@pytest.mark.parametrize(
    ("tool", "cases"),
    [
        ("openssl", '*-revoke*) {real} "$@"; echo "no space left" >&2; exit 1 ;;'),
        ("openssl", '*-revoke*) {real} "$@"; mv {home}/index {home}/index.new; echo "no space left" >&2; exit 1 ;;'),
        ("openssl", '*-gencrl*) echo "no space left" >&2; exit 1 ;;'),
        ("openssl", '*-gencrl*) for out; do :; done; echo half >"$out"; echo "no space left" >&2; exit 1 ;;'),
        ("sed", '*) echo "no space left" >&2; exit 1 ;;'),
        ("chmod", '750*) echo "no space left" >&2; exit 1 ;;'),
    ],
    ids=["revoked", "index-put-aside", "no-list", "half-a-list", "no-passwords", "not-applied"],
)
def test_a_removal_that_ended_half_way_says_why_and_is_finished_by_the_next(
    tmp_path: Path, tools: Path, tool: str, cases: str
) -> None:
    made = Clinic(tmp_path)
    made.run("remove", "treadmill-1")
    real = str(shutil.which(tool, path=PATH))
    broken(tools, tool, cases.replace("{real}", real).replace("{home}", str(tmp_path / "home")))
    ended = attempt(environment_in(tmp_path, tools=tools), "remove", "treadmill-2")
    assert ended.returncode != 0
    assert "no space left" in ended.stderr
    assert is_revoked(made, "treadmill-1"), "the broker's list is whole all the while"
    assert made.run("remove", "treadmill-2") == "treadmill-2 is removed.\n"
    assert not list(tmp_path.glob("home/**/*treadmill-2*"))
    assert attempt(made.environment, "remove", "treadmill-2").stderr.endswith("there is no user treadmill-2\n")
    made.run("treadmill", "treadmill-3")
    made.unpack("treadmill-3")
    assert [is_revoked(made, f"treadmill-{number}") for number in (1, 2, 3)] == [True, True, False]


def test_a_treadmill_of_the_same_name_may_come_and_go_again(tmp_path: Path) -> None:
    made = Clinic(tmp_path)
    for _ in range(2):
        made.run("remove", "treadmill-2")
        assert is_revoked(made, "treadmill-2")
        made.run("treadmill", "treadmill-2")
        shutil.rmtree(tmp_path / "treadmill-2")
        made.unpack("treadmill-2")
        assert not is_revoked(made, "treadmill-2")


def is_revoked(clinic: Clinic, treadmill: str) -> bool:
    """Whether the list that the broker reads refuses what was carried to this treadmill."""
    authority, listed = clinic.directory / "home/authority.crt", clinic.directory / "mosquitto/sternway/revoked.crl"
    command = ["openssl", "verify", "-crl_check", "-CAfile", str(authority), "-CRLfile", str(listed)]
    done = subprocess.run([*command, str(clinic.directory / treadmill / "client.crt")], capture_output=True, text=True, check=False)
    assert done.returncode == 0 or "certificate revoked" in done.stderr, done.stderr
    return done.returncode != 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_broker_whose_certificate_has_ended_is_trusted_again_after_renew(tmp_path: Path) -> None:
    made = Clinic(tmp_path)
    made.run("renew", script=ending_at_once(tmp_path))
    await asyncio.sleep(1.1)  # certificates count whole seconds
    with pytest.raises(aiomqtt.MqttError, match="certificate has expired"):
        await connect(made)
    gc.collect()  # paho leaves the socket of a failed handshake to the collector, which warns of it
    made.run("renew")
    await connect(made)


async def test_a_treadmill_whose_certificate_has_ended_is_refused(tmp_path: Path) -> None:
    made = Clinic(tmp_path)
    made.run("treadmill", "treadmill-3", script=ending_at_once(tmp_path))
    made.unpack("treadmill-3")
    await asyncio.sleep(1.1)  # certificates count whole seconds
    made.start()
    try:
        assert await refused(made, made.settings("treadmill-3"))
        assert not await refused(made, made.settings("treadmill-1"))
    finally:
        made.stop()


def ending_at_once(directory: Path) -> Path:
    """The script, with certificates that end as they begin."""
    path = directory / "ending.sh"
    text = SCRIPT.read_text(encoding="utf-8")
    assert text.count("\nCERTIFICATE_DAYS=825\n") == 1
    path.write_text(text.replace("CERTIFICATE_DAYS=825", "CERTIFICATE_DAYS=0"), encoding="utf-8")
    return path


async def connect(clinic: Clinic) -> None:
    """Starts the broker, has the first treadmill connect, and stops it."""
    clinic.start()
    try:
        async with await make_client(clinic.settings("treadmill-1"), "sternway-1", f"{BASE}/treadmill-1/availability"):
            pass
    finally:
        clinic.stop()


def test_renew_keeps_authority_and_names_and_makes_a_new_key(tmp_path: Path) -> None:
    made = Clinic(tmp_path, "--name", "broker.clinic.example", "--name", "192.0.2.7")
    server, authority = tmp_path / "mosquitto/sternway/server.crt", tmp_path / "home/authority.crt"

    def told(*fields: str) -> str:
        command = ["openssl", "x509", "-in", str(server), "-noout", *fields]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    stays, goes = ("-subject", "-issuer", "-ext", "subjectAltName,extendedKeyUsage,keyUsage"), ("-serial", "-pubkey")
    before, authority_before = (told(*stays), told("-serial"), told("-pubkey")), authority.read_bytes()
    assert "DNS:localhost, IP Address:127.0.0.1, DNS:broker.clinic.example, IP Address:192.0.2.7" in before[0]
    assert "DNS:broker.clinic.example,IP:192.0.2.7" in made.run("renew")
    assert told(*stays) == before[0]
    assert all(told(field) != old for field, old in zip(goes, before[1:], strict=True))
    assert authority.read_bytes() == authority_before
    subprocess.run(["openssl", "verify", "-CAfile", str(authority), str(server)], capture_output=True, check=True)
    key = subprocess.run(
        ["openssl", "pkey", "-in", str(server.with_suffix(".key")), "-pubout"], capture_output=True, text=True, check=True
    )
    assert key.stdout == told("-pubkey"), "key and certificate belong together"
    assert server.with_suffix(".key").stat().st_mode & 0o007 == 0


@pytest.mark.parametrize("missing", ["home/clinic", "mosquitto/sternway/server.crt"])
def test_renew_without_what_it_renews_changes_nothing(tmp_path: Path, missing: str) -> None:
    made = Clinic(tmp_path)
    (tmp_path / missing).unlink()
    key = tmp_path / "mosquitto/sternway/server.key"
    before = key.read_bytes()
    done = subprocess.run(["sh", str(SCRIPT), "renew"], env=made.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert str(tmp_path / missing) in done.stderr
    assert key.read_bytes() == before


def test_every_certificate_says_what_its_key_is_for(clinic: Clinic) -> None:
    """Without keyUsage at the authority, Python 3.13 and newer refuse every certificate under it."""

    def usage(file: Path) -> str:
        done = subprocess.run(["openssl", "x509", "-in", str(file), "-noout", "-text"], capture_output=True, text=True, check=True)
        return " ".join(re.findall(r"Usage:[^\n]*\n\s+([^\n]+)", done.stdout))

    assert usage(clinic.directory / "home/authority.crt") == "Certificate Sign, CRL Sign"
    assert usage(clinic.directory / "mosquitto/sternway/server.crt") == "Digital Signature TLS Web Server Authentication"
    assert usage(clinic.directory / "treadmill-1/client.crt") == "Digital Signature TLS Web Client Authentication"


def test_it_listens_on_loopback_unless_told_otherwise(clinic: Clinic) -> None:
    text = (clinic.directory / "mosquitto/conf.d/sternway.conf").read_text(encoding="utf-8")
    assert re.findall(r"^listener \d+ (\S+)", text, re.MULTILINE) == ["127.0.0.1"] * 3
    assert "allow_anonymous true" not in text


def test_an_authority_is_never_overwritten(clinic: Clinic) -> None:
    done = subprocess.run(
        ["sh", str(SCRIPT), "init", "clinic-a"], env=clinic.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "never overwritten" in done.stderr


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A directory for tools that are not as they should be."""
    (tmp_path / "tools").mkdir()
    return tmp_path / "tools"


def broken(tools: Path, name: str, cases: str) -> None:
    """Puts a tool there that does what the machine's does, but in these cases of its words."""
    real = shutil.which(name, path=PATH)
    (tools / name).write_text(f'#!/bin/sh\ncase "$*" in\n{cases}\nesac\nexec {real} "$@"\n', encoding="utf-8")
    (tools / name).chmod(0o755)


def made_in(directory: Path) -> list[str]:
    """What the script has made of a broker."""
    return [str(path.relative_to(directory)) for path in directory.glob("home/**/*")] + [
        str(path.relative_to(directory)) for path in directory.glob("mosquitto/*/*")
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("192.168.1", "four numbers"),
        ("192.168.1.256", "four numbers"),
        ("192.168.1.2.3", "four numbers"),
        ("1921681", "four numbers"),
        ("fd00::5::1", "no IPv6 address"),
        ("broker:8883", "no IPv6 address"),
        ("broker.example,DNS:other.example", "neither a host's name nor an address"),
        ("*", "neither a host's name nor an address"),
        ("", "neither a host's name nor an address"),
    ],
)
@pytest.mark.parametrize("option", ["--name", "--listen", "--websockets"])
def test_what_is_no_name_or_address_is_refused_before_anything_is_made(tmp_path: Path, option: str, name: str, reason: str) -> None:
    (tmp_path / "mosquitto/conf.d").mkdir(parents=True)
    refused = attempt(environment_in(tmp_path), "init", "clinic-a", option, name)
    assert refused.returncode == 2
    assert f"'{name}'" in refused.stderr
    assert reason in refused.stderr
    assert made_in(tmp_path) == []


def test_no_treadmills_key_is_left_where_it_was_made(tmp_path: Path, tools: Path) -> None:
    made = Clinic(tmp_path)
    broken(tools, "tar", '*) echo "no space left" >&2; exit 1 ;;')
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    ended = attempt({**environment_in(tmp_path, tools=tools), "TMPDIR": str(scratch)}, "treadmill", "treadmill-9")
    assert ended.returncode != 0
    assert "no space left" in ended.stderr
    assert list(scratch.iterdir()) == []
    made.run("remove", "treadmill-9")


def test_an_address_of_the_newer_kind_is_one_and_stays_one(tmp_path: Path) -> None:
    made = Clinic(tmp_path, "--name", "fd00::5", "--name", "192.0.2.7")
    made.run("renew")
    command = ["openssl", "x509", "-in", str(tmp_path / "mosquitto/sternway/server.crt"), "-noout", "-ext", "subjectAltName"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "DNS:localhost, IP Address:127.0.0.1, IP Address:FD00:0:0:0:0:0:0:5, IP Address:192.0.2.7" in names


def test_without_mosquitto_nothing_is_made_and_it_is_said_what_to_install(tmp_path: Path) -> None:
    refused = attempt(environment_in(tmp_path), "init", "clinic-a")
    assert refused.returncode == 2
    assert "conf.d" in refused.stderr
    assert "apt install mosquitto openssl" in refused.stderr
    assert made_in(tmp_path) == []


@pytest.mark.parametrize("missing", ["openssl", "mosquitto_passwd"])
def test_without_a_tool_nothing_is_made_and_it_is_said_what_to_install(tmp_path: Path, tools: Path, missing: str) -> None:
    (tmp_path / "mosquitto/conf.d").mkdir(parents=True)
    for name in {"sh", "mkdir", "openssl", "mosquitto_passwd"} - {missing}:
        (tools / name).symlink_to(str(shutil.which(name, path=PATH)))
    refused = attempt({**environment_in(tmp_path), "PATH": str(tools)}, "init", "clinic-a")
    assert refused.returncode == 2
    assert f"there is no {missing}: apt install mosquitto openssl" in refused.stderr
    assert made_in(tmp_path) == []


@pytest.mark.parametrize(
    ("tool", "cases"),
    [
        ("openssl", '"x509 -req"*) echo "no space left" >&2; exit 1 ;;'),
        ("openssl", '*-gencrl*) echo "no space left" >&2; exit 1 ;;'),
        ("openssl", '*-gencrl*) for out; do :; done; echo half >"$out"; echo "no space left" >&2; exit 1 ;;'),
        ("chmod", '750*) echo "no space left" >&2; exit 1 ;;'),
    ],
)
async def test_an_init_that_ended_half_way_says_why_and_is_run_again(tmp_path: Path, tools: Path, tool: str, cases: str) -> None:
    (tmp_path / "mosquitto/conf.d").mkdir(parents=True)
    broken(tools, tool, cases)
    environment = environment_in(tmp_path, tools=tools)
    ended = attempt(environment, "init", "clinic-a")
    assert ended.returncode != 0
    assert "no space left" in ended.stderr
    refused = attempt(environment, "treadmill", "treadmill-1")
    assert refused.returncode == 2
    assert "'sternway-broker-setup init CLINIC' makes it" in refused.stderr

    (tools / tool).unlink()
    await connect(Clinic(tmp_path))


@pytest.mark.parametrize("name", ["", "a b", "../x", "Anna", "-a", "a" * 33, "+", "#"])
def test_a_name_that_could_be_a_path_or_a_wildcard_is_refused(clinic: Clinic, name: str) -> None:
    done = subprocess.run(
        ["sh", str(SCRIPT), "dashboard", name], env=clinic.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "is no name" in done.stderr


def test_join_gives_telemetry_its_keys_and_says_what_to_configure(clinic: Clinic) -> None:
    said = clinic.run("join", str(clinic.directory / "home/treadmill-1.tar"))
    assert 'key_file = "broker-key"' in said
    unit = (clinic.directory / "unit/broker.conf").read_text(encoding="utf-8")
    assert unit.count("LoadCredential=broker-") == 3
    assert (clinic.directory / "keys/client.key").stat().st_mode & 0o077 == 0
