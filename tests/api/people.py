"""People who log in to a server: each a client of the same routes."""

from __future__ import annotations

import numpy as np
from starlette.testclient import TestClient

from modules.api.application import create_application
from modules.config.logins import GivenUser
from modules.gallery.records import PictureRecords
from modules.gallery.store import PictureStore
from modules.imaging.encoding import encode_png
from modules.services.account_file import AccountFile
from modules.services.accounts import Accounts
from modules.services.build import Services

PASSWORDS = {"olga": "owns it all", "ann": "ann's word", "bob": "bob's word"}
OWNER = "olga"


def clients(services: Services) -> dict[str, TestClient]:
    """A client for each name; OWNER's is an owner's."""
    given = [GivenUser(name, password, name == OWNER) for name, password in PASSWORDS.items()]
    accounts = Accounts(AccountFile(services.paths), given)
    application = create_application(hosts=None, services=services, accounts=accounts)
    found = {}
    for name, password in PASSWORDS.items():
        found[name] = TestClient(application)
        found[name].auth = (name, password)
    return found


def a_picture(services: Services, *, job_id: str, user: str, seed: int = 5, infotext: str = "a fish") -> int:
    """The number of a picture of a job that is stored as a worker stores it."""
    store = PictureStore(services.database, PictureRecords(services.database), services.paths.outputs)
    pixels = np.zeros((8, 16, 3), np.uint8)
    saved = store.save(
        encode_png(pixels, infotext),
        folder=services.paths.txt2img_pictures,
        width=16,
        height=8,
        seed=seed,
        infotext=infotext,
        job_id=job_id,
        index=0,
        user=user,
    )
    return saved.id
