"""Kafka with TLS, SCRAM and access lists, and Valkey with TLS and users, with certificates made here."""

import datetime
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme
import yaml
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, not declared as such
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from plaudit_infra.servers.kafka import KafkaServer
from plaudit_infra.servers.process import free_port
from plaudit_infra.servers.valkey import ValkeyServer

from harness.environ import environ_with
from tests.support.services import ROOT
from tests.support.tls_door import TlsDoor

ACCESS: dict[str, Any] = yaml.safe_load((ROOT / "infra" / "security" / "access.yaml").read_text())
_WORKER = ACCESS["worker"]
WITHOUT_GROUP, NOBODY = "without-group", "nobody"
ROLES: dict[str, Any] = {
    **ACCESS,
    WITHOUT_GROUP: {**_WORKER, "kafka": {"topics": _WORKER["kafka"]["topics"]}},
    NOBODY: {"kafka": {"topics": {}}, "redis": ["+@connection"]},
}
PASSWORD = SECRET = "let-me-in"  # noqa: S105  # of every user of these servers


@dataclass
class Certificates:
    """A certificate authority's files in a folder. `ca` is what clients trust."""

    folder: Path
    authority: trustme.CA = field(default_factory=trustme.CA)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca, self.key, self.chain = (self.folder / f"{name}.pem" for name in ("ca", "key", "chain"))
        self.authority.cert_pem.write_to_path(str(self.ca))

    def issue(self, expires: datetime.datetime | None = None) -> None:
        """Write the server's certificate and key."""
        made = self.authority.issue_cert("127.0.0.1", "localhost", not_after=expires)
        self.chain.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        key = load_pem_private_key(made.private_key_pem.bytes(), None)
        # Java reads no other form of a key.
        self.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@dataclass
class SecuredKafka:
    """A broker with a listener for clients that need TLS, a name and a password, and one for this test."""

    server: KafkaServer
    guarded: str
    certificates: Certificates

    @classmethod
    def make(cls, folder: Path, certificates: Certificates) -> "SecuredKafka":
        server, port = KafkaServer(folder, heap_mb=384, short_lived=True), free_port()
        server.reserve_ports()
        inner, controller = server.ports["broker"], server.ports["controller"]
        both = folder / "server.pem"
        folder.mkdir(parents=True, exist_ok=True)
        both.write_bytes(certificates.key.read_bytes() + certificates.chain.read_bytes())
        module = "org.apache.kafka.common.security.scram.ScramLoginModule"
        server._properties |= {
            "listeners": f"BROKER://127.0.0.1:{inner},CONTROLLER://127.0.0.1:{controller},GUARDED://127.0.0.1:{port}",
            "advertised.listeners": f"BROKER://127.0.0.1:{inner},GUARDED://127.0.0.1:{port}",
            "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:SASL_SSL",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.guarded.scram-sha-512.sasl.jaas.config": f"{module} required;",
            "listener.name.guarded.ssl.keystore.type": "PEM",
            "listener.name.guarded.ssl.keystore.location": str(both),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }
        server.start()
        return cls(server, f"127.0.0.1:{port}", certificates)

    def admit(self, prefix: str) -> None:
        """Make a user of each role, and grant it what the file of access says."""
        admin = AdminClient({"bootstrap.servers": self.server.address})
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        users: list[UserScramCredentialAlteration] = [
            UserScramCredentialUpsertion(role, info, PASSWORD.encode()) for role in ROLES
        ]
        for future in admin.alter_user_scram_credentials(users).values():
            future.result(30)
        bindings = [
            each for role, access in ROLES.items() for each in _bindings(role, access["kafka"], prefix)
        ]
        for future in admin.create_acls(bindings).values():
            future.result(30)

    def options(
        self, role: str, password: str = PASSWORD, ca: Path | None = None, address: str = ""
    ) -> dict[str, str]:
        """The settings by which a process of this role reaches the broker."""
        options = {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": role,
            "ssl.ca.location": str(ca or self.certificates.ca),
        }
        return {
            "bootstrap_servers": address or self.guarded,
            "kafka_options": json.dumps(options),
            "kafka_password": password,
        }


@dataclass
class ExpiredDoor:
    """A door in front of a server, whose certificate expired yesterday."""

    door: TlsDoor
    certificates: Certificates

    @classmethod
    def make(cls, folder: Path, port: int) -> "ExpiredDoor":
        certificates = Certificates(folder)
        certificates.issue(datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1))
        return cls(TlsDoor(port, certificates.chain, certificates.key), certificates)

    def close(self) -> None:
        self.door.close()


@dataclass
class SecuredValkey:
    """A Valkey with a user for each role, behind TLS: the one that is installed has none of its own."""

    server: ValkeyServer
    door: TlsDoor
    certificates: Certificates

    @classmethod
    def make(cls, folder: Path, certificates: Certificates) -> "SecuredValkey":
        server = ValkeyServer(folder)
        server.start()
        with server.client() as client:
            for role, access in ROLES.items():
                if "redis" in access:
                    rules = ("reset", "on", f">{SECRET}", "~*", *access["redis"])
                    client.execute_command("ACL", "SETUSER", role, *rules)
        return cls(
            server, TlsDoor(server.ports["valkey"], certificates.chain, certificates.key), certificates
        )

    def close(self) -> None:
        self.door.close()
        self.server.kill()

    def url(self, role: str, password: str = SECRET, ca: Path | None = None, port: int = 0) -> str:
        """The URL by which a process of this role reaches it."""
        trusted = ca or self.certificates.ca
        return f"rediss://{role}:{password}@127.0.0.1:{port or self.door.port}/0?ssl_ca_certs={trusted}"


def plaudit(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run a command with these settings."""
    command = [sys.executable, "-m", "plaudit_infra.main", *arguments]
    return subprocess.run(
        command, env=environ_with(**settings), capture_output=True, text=True, check=False, timeout=120
    )


def _bindings(role: str, access: Mapping[str, Any], prefix: str) -> list[AclBinding]:
    made = []
    for topic, operations in access["topics"].items():
        made += [_allow(ResourceType.TOPIC, prefix + topic, role, each) for each in operations]
    made += [_allow(ResourceType.GROUP, "", role, each) for each in access.get("groups", ())]
    return made


def _allow(kind: Any, name: str, role: str, operation: str) -> AclBinding:
    whole = ResourcePatternType.LITERAL
    return AclBinding(
        kind, name or "*", whole, f"User:{role}", "*", AclOperation[operation], AclPermissionType.ALLOW
    )
