"""Certificates for tests, made by openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path


def make_certificate(
    folder: Path, name: str, host: str = "", ca: tuple[Path, Path] | None = None
) -> tuple[Path, Path]:
    """NAME.key and NAME.crt: an authority, or signed by the key and certificate of one."""
    key, cert = folder / f"{name}.key", folder / f"{name}.crt"
    command: list[str | Path] = ["openssl", "req", "-x509", "-nodes", "-days", "2"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-subj", f"/CN={name}", "-keyout", key, "-out", cert]
    if ca:
        command += ["-CA", ca[1], "-CAkey", ca[0], "-addext", f"subjectAltName={host}"]
        command += ["-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run(command, check=True, capture_output=True)
    return key, cert
