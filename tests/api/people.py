"""People who log in to a server: each a client of the same routes."""

from __future__ import annotations

import numpy as np
from argon2 import PasswordHasher
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
QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
"""For tests that prove something else: the strong one takes a fifth of a second and 64 MiB for each name."""


def clients(services: Services) -> dict[str, TestClient]:
    """A client for each name; OWNER's is an owner's."""
    given = [GivenUser(name, password, name == OWNER) for name, password in PASSWORDS.items()]
    accounts = Accounts(AccountFile(services.paths), given, hasher=QUICK)
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
