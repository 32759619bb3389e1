"""What is found of pictures; the routes' tests look for more."""

from __future__ import annotations

from modules.config.database import Database
from modules.gallery.records import TABLES, PictureRecords
from modules.gallery.search import PictureSearch

TEXT = "a fish\nSteps: 2, Sampler: Euler a, Seed: 5, Model: demo"


def test_records_of_earlier_versions_are_found_by_what_their_infotext_says(database: Database) -> None:
    database.create_tables("gallery", TABLES[:3])
    with database.transaction() as connection:
        for path, text in (("a.png", TEXT), ("b.png", "")):
            connection.execute(
                "INSERT INTO pictures (path, width, height, infotext, created) VALUES (?, 8, 8, ?, 1.0)", (path, text)
            )
    records = PictureRecords(database)
    for search in (PictureSearch(model="demo"), PictureSearch(sampler="euler A"), PictureSearch(words="FISH")):
        assert [picture.path for picture in records.search(search, 10)] == ["a.png"]
        assert records.count(search) == 1
    assert records.count(PictureSearch(user="")) == records.count() == 2
