"""docs/install.md and docs/broker.md as somebody who follows them to the letter: their commands, sudo and an editor."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
PACKAGE = "/srv/packages/current.deb"
HELPERS = f"""
set -e
mkdir -p /root/dist && cp {PACKAGE} /root/dist/sternway_0.1.0_$(dpkg --print-architecture).deb
printf '#!/bin/sh\\nexec "$@"\\n' > /usr/local/bin/sudo
printf '#!/bin/sh\\nexec sh /root/edit "$1"\\n' > /usr/local/bin/sudoedit
chmod +x /usr/local/bin/sudo /usr/local/bin/sudoedit
"""
"""Makes sudo and an editor, and puts the package where `make deb` leaves it."""


def commands(page: str) -> list[str]:
    """The shell blocks of a page, in order."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return [textwrap.dedent(block) for block in re.findall(r"^[ ]*```sh\n(.*?)^[ ]*```", text, re.DOTALL | re.MULTILINE)]


def editor(drive: str, display: str, calibration: Mapping[str, float | str]) -> str:
    """What an integrator types into the configuration that ships, as a script that gets the file's name."""
    figures = "".join(f" -e 's/^{key} = .*/{key} = {json.dumps(value)}/'" for key, value in calibration.items())
    return (
        f"""sed -i -e 's/"example-clinic"/"my-clinic"/' -e 's#/dev/serial/by-id/usb-sternway-drive-if00#{drive}#' """
        f"""-e '/^\\[display\\]/,/^device/ s#^device = .*#device = "{display}"#'{figures} "$1"\n"""
    )


def broker_commands() -> str:
    """Those of docs/broker.md, but for the packages, which the machine has."""
    (block,) = commands("broker.md")
    return block.replace("sudo apt install mosquitto openssl", ":")


def configured(text: str, snippet: str) -> str:
    """A configuration with the keys that `sternway-broker-setup join` names; each has one place in the file that ships."""
    for line in re.findall(r"^\w+ = .*$", snippet, re.MULTILINE):
        text, count = re.subn(rf"^{line.split()[0]} = .*$", line, text, flags=re.MULTILINE)
        assert count == 1, f"{line!r} has one place in the file that ships"
    return text
