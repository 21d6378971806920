"""The service speaks TLS itself where no proxy does."""

from __future__ import annotations

import datetime
import http.client
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cds_service.errors import CdsError
from cds_service.settings import load
from tests.edge.processes import running


def certificate(folder: Path) -> dict[str, str]:
    """A certificate for 127.0.0.1 that signs itself, as settings."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cds.example")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(key.private_bytes(*form))
    return {"CDS_TLS_CERTIFICATE": str(folder / "cert.pem"), "CDS_TLS_KEY": str(folder / "key.pem")}


def test_calls_over_tls(tmp_path: Path) -> None:
    given = certificate(tmp_path)
    context = ssl.create_default_context(cafile=given["CDS_TLS_CERTIFICATE"])
    with running(tmp_path, tls=context, given=given) as server:
        connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=10)
        connection.request("GET", "/cds-services")
        assert connection.getresponse().status == 200
        connection.close()


def test_certificate_and_key_go_together(tmp_path: Path) -> None:
    with pytest.raises(CdsError, match="go together"):
        load({"CDS_TLS_CERTIFICATE": certificate(tmp_path)["CDS_TLS_CERTIFICATE"]})
