"""What is found of pictures; the routes' tests look for more."""

from __future__ import annotations

from modules.config.database import Database
from modules.gallery.records import PictureRecords, insert_picture
from modules.gallery.search import PictureSearch
from modules.gallery.tables import TABLES

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


def test_an_installation_of_the_version_before_keeps_all_it_has(database: Database) -> None:
    database.create_tables("gallery", TABLES[:8])
    with database.transaction() as connection:
        for number, text in enumerate((TEXT, "", "a boat <lora:ink:1>\nSteps: 1, Sampler: DDIM, Seed: 7"), 1):
            connection.execute(
                "INSERT INTO pictures (path, width, height, seed, infotext, created, job_id, job_index, user, model,"
                " sampler) VALUES (?, 8, 9, ?, ?, ?, ?, 0, 'ann', 'demo', 'Euler a')",
                (f"{number}.png", 4, text, float(number), f"job{number}"),
            )
        connection.execute("DELETE FROM pictures WHERE id = 2")
        connection.execute("INSERT INTO pictures (path, width, height, infotext, created) VALUES ('x', 1, 1, '', 9.0)")
        connection.execute("DELETE FROM pictures WHERE path = 'x'")
    records = PictureRecords(database)
    kept = {picture.id: picture for picture in records.page(0, 9)}
    assert kept.keys() == {1, 3}
    assert (kept[1].infotext, kept[1].path, kept[1].user, kept[1].job_id, kept[1].index) == (
        TEXT,
        "1.png",
        "ann",
        "job1",
        0,
    )
    assert (kept[1].width, kept[1].height, kept[1].seed, kept[1].created) == (8, 9, 4, 1.0)
    assert [one.id for one in records.search(PictureSearch(words="boat", lora="INK"), 9)] == [3]
    with database.transaction() as connection:
        new = insert_picture(
            connection, path="4.png", width=1, height=1, seed=1, infotext="", created=4.0, job_id=None, index=None
        )
    assert new.id == 5, "numbers are not given twice"
    PictureRecords(database)
    assert records.count() == 3
