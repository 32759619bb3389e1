"""A public address at gradio.live: gradio's own tunnel."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

from gradio.networking import setup_tunnel

from modules.config.host_names import HostName


def share(host: str, port: int, allow: Callable[[HostName], None]) -> str | None:
    """Open the address, have the server answer to it, and say what that means; None where it cannot be had.

    It needs the network: gradio fetches a program (frpc, checked by its hash) and runs it; whoever runs gradio's
    server could read along. The link ends after three days, or with this process.
    """
    try:
        address = setup_tunnel(
            local_host=host,
            local_port=port,
            share_token=secrets.token_urlsafe(32),
            share_server_address=None,
            share_server_tls_certificate=None,
        )
    except Exception as error:  # of all kinds; the page works without
        logging.getLogger(__name__).debug("No public address", exc_info=error)
        print(f"There is no public address: {error} The page works here alone.", flush=True)  # noqa: T201
        return None
    allow(HostName(urlsplit(address).hostname or "", None))
    print(  # noqa: T201
        f"Public address: {address} Whoever has it sees the page to log in on. It ends with this program, and all "
        "goes through a server of gradio's makers.",
        flush=True,
    )
    return address
