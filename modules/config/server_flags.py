"""The flags of the web UI: where it answers, to whom, and how it looks."""

from __future__ import annotations

import argparse
from pathlib import Path
from urllib.parse import urlsplit

from modules.config.host_names import HostName, host_name
from modules.config.logins import add_login_flags

DEFAULT_PORT = 7860


def add_server_flags(parser: argparse.ArgumentParser) -> None:
    """Add them."""
    group = parser.add_argument_group("web UI")
    group.add_argument("--port", type=_port, default=DEFAULT_PORT, metavar="N", help=f"default: {DEFAULT_PORT}")
    group.add_argument("--listen", action="store_true", help="answer other machines too (0.0.0.0); needs a login")
    group.add_argument("--server-name", metavar="HOST", help="the address to answer on; default: 127.0.0.1")
    group.add_argument(
        "--allow-host",
        type=_host,
        action="append",
        default=[],
        metavar="NAME[:PORT]",
        help="a further name that browsers may call the server by, such as that of a proxy; may be repeated",
    )
    add_login_flags(group)
    group.add_argument(
        "--share",
        action="store_true",
        help="also open a public address at gradio.live for three days; needs a login, and runs a program that gradio "
        "fetches, through whose makers' server all goes",
    )
    group.add_argument("--tls-certfile", type=Path, metavar="FILE", help="the certificate to answer with, for https")
    group.add_argument("--tls-keyfile", type=Path, metavar="FILE", help="its private key")
    group.add_argument(
        "--cors-allow-origins",
        type=_origins,
        default=[],
        metavar="ORIGIN[,...]",
        help="pages of other sites that may use the API, such as https://example.org",
    )
    group.add_argument(
        "--allow-folder",
        type=Path,
        action="append",
        metavar="DIR",
        help="a folder outside of the data folder that the page may have pictures read from; may be repeated",
    )
    group.add_argument(
        "--allow-private-webhooks",
        action="store_true",
        help="let webhooks be on this computer and in its own network, not on public addresses alone",
    )
    group.add_argument(
        "--allow-extension-changes",
        action="store_true",
        help="let owners who are logged in switch extensions on and off when the server answers other machines too",
    )
    group.add_argument(
        "--allow-private-extensions",
        action="store_true",
        help="let extensions be fetched from this computer and its own network, not from public addresses alone",
    )
    group.add_argument(
        "--worker",
        choices=("process", "thread"),
        default="process",
        help="what runs the model: a process of its own, which can be replaced when it hangs or crashes, or a thread "
        "of the server, which saves some memory",
    )
    group.add_argument("--autolaunch", action="store_true", help="open the page in the browser when it is ready")
    group.add_argument("--theme", choices=("light", "dark"), help="default: what the browser asks for")


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port. Choose a whole number from 1 to 65535.")
    return int(text)


def _host(text: str) -> HostName:
    if (host := host_name(text)) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no host. Write NAME or NAME:PORT, without http:// before it.")
    return host


def _origins(text: str) -> list[str]:
    origins = [one.strip().rstrip("/").lower() for one in text.split(",") if one.strip()]
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.hostname or origin != f"{parts.scheme}://{parts.netloc}":
            raise argparse.ArgumentTypeError(
                f"{origin!r} is no origin. Write https://NAME or http://NAME:PORT; letting all sites in would let any "
                "page that you visit use your machine."
            )
    return origins
