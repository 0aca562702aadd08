"""Container images of the release under test, as archives for ``podman load``.

The host has no registry and no engine: packaging/container.sh builds them.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

PACKAGING = Path(__file__).parents[2] / "packaging"
CONTAINER = "container"
APP = "homeassistant-app"
RECIPES = {
    CONTAINER: ["Containerfile"],
    APP: [f"{APP}/eflexcan2mqtt/{name}" for name in ("Dockerfile", "run.sh")],
}
BUILD_S = 1200.0


def archive(kind: str, release: Path) -> Path:
    """The image of a kind, from the .deb in ``release``; kept until one of its sources changes."""
    cache = Path(os.environ.get("EFLEX_SYSTEM_CACHE", Path.home() / ".cache" / "eflexcan2mqtt"))
    (deb,) = release.glob("eflexcan2mqtt_*_amd64.deb")
    digest = hashlib.sha256(deb.read_bytes())
    for name in ("container.sh", "roots.sh", *RECIPES[kind]):
        digest.update((PACKAGING / name).read_bytes())
    made = cache / f"{kind}-{digest.hexdigest()[:16]}.tar"
    if not made.exists():
        for old in cache.glob(f"{kind}-*.tar"):
            old.unlink()
        subprocess.run(
            [PACKAGING / "container.sh", kind, made],
            env={**os.environ, "EFLEX_DIST_OUT": str(release)},
            timeout=BUILD_S,
            check=True,
        )
    return made
