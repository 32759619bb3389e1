"""kill -9 in the middle of saving: every file is whole or not there, and the next start leaves no trace of the rest."""

from __future__ import annotations

import errno
import io
import json
import logging
import multiprocessing
import os
import random
import shutil
import sqlite3
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modules.api.sdapi import SETTINGS_FILE
from modules.api.sdapi.remembered_settings import RememberedSettings
from modules.config import files
from modules.config.files import TEMPORARY_SUFFIX
from modules.config.paths import Paths, resolve_paths
from modules.gallery.records import PictureRecords
from modules.gallery.store import PictureStore
from modules.imaging.encoding import encode_png
from modules.jobs.queue import JobQueue
from modules.prompt.style_sheet import read_style_sheet
from modules.services.account_file import AccountFile
from modules.services.accounts import add_user, new_token, revoke_token, tokens
from modules.services.build import Services, build_services, open_services
from modules.services.download_records import DownloadRecord, DownloadRecords
from modules.services.finished_picture import FinishedPicture
from modules.services.job_parts import JobParts
from modules.services.options import EngineOptions
from tests.services.jobs_to_end import txt2img
from tests.services.test_model_cards import put_lora

log = logging.getLogger(__name__)

KILLS = 200
SEED = 20261121
OPTIONS = EngineOptions(use_cpu=True)
PICTURES_OF_A_JOB = 5
SIDE = 256
MOST_WRITES = 12
"""A saver is killed at one of its first so many files."""
FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload([__name__])

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends the signals of POSIX")


class Saver:
    """Saves files of every kind that the program writes until it is killed; tells when it writes, and for how long."""

    def __init__(self, services: Services, telling: Connection, seed: int) -> None:
        self._services = services
        self._paths = services.paths
        self._telling = telling
        self._random = random.Random(seed)
        self._noise = [_noise(number) for number in range(3)]
        self._queue = JobQueue(services.database)
        self._records = PictureRecords(services.database)
        self._store = PictureStore(services.database, self._records, self._paths.outputs)
        self._accounts = AccountFile(self._paths)
        self._remembered = RememberedSettings(self._paths.data / SETTINGS_FILE)
        self._parts = JobParts(self._paths.cache / "parts", "grid")
        self._downloads = DownloadRecords(self._paths.downloads)
        self._kind = ""
        self._began: float | None = None

    def run(self) -> None:
        """Begins with the pictures of the job that an earlier saver had; does not return."""
        self._queue.requeue()
        others = self._other_kinds()
        for number, save_picture in enumerate(self._pictures()):
            self._save("picture", save_picture)
            kind = self._random.choice(list(others))
            self._save(kind, partial(others[kind], number))

    def _save(self, kind: str, save: Callable[[], object]) -> None:
        self._kind, self._began = kind, None
        save()
        if self._began is not None:
            self._telling.send((kind, time.perf_counter() - self._began))

    def tell_of_write(self) -> None:
        """To be called at the very beginning of writing a file."""
        if self._began is None:
            self._began = time.perf_counter()
        self._telling.send((self._kind, None))

    def _pictures(self) -> Iterator[Callable[[], object]]:
        """One job after the other, as a worker has them: what is saved already is not saved again."""
        while True:
            job = self._queue.claim("saver")
            if job is None:
                self._services.generate.submit(txt2img(batch_count=PICTURES_OF_A_JOB))
                continue
            self._store.forget_missing(job.id)
            for index in set(range(PICTURES_OF_A_JOB)) - {one.index for one in self._records.of_job(job.id)}:
                yield partial(self._save_picture, job.id, index)
            self._queue.finish(job.id, "done")

    def _save_picture(self, job_id: str, index: int) -> None:
        content = encode_png(self._noise[index % len(self._noise)], "a star")
        self._store.save(
            content,
            folder=self._paths.txt2img_pictures,
            width=SIDE,
            height=SIDE,
            seed=index,
            infotext="a star",
            job_id=job_id,
            index=index,
        )

    def _other_kinds(self) -> dict[str, Callable[[int], object]]:
        cards, records = self._services.cards, self._records
        return {
            "settings": lambda number: self._services.settings.change(queue_limit=100 + number),
            "settings of A1111": lambda number: self._remembered.change({"eta_ancestral": (1 + number % 90) / 100}),
            "styles": lambda number: self._services.styles.save(f"style {number % 20}", "word, " * 1000),
            "card": lambda number: cards.edit("lora", "star", {"notes": f"{number} " * 1000}),
            "preview of a model": lambda number: cards.set_preview("lora", "star", _png(self._noise[number % 3])),
            "thumbnail of a model": lambda _: cards.thumbnail("lora", "star"),
            "thumbnail": lambda _: self._services.pictures.thumbnail(records.page(0, 1)[0]),
            "input picture": lambda _: self._services.inputs.add(Image.fromarray(_noise(self._random.random()))),
            "account": lambda _: self._change_accounts(),
            "webhook": lambda _: self._change_webhooks(),
            "part of a job": lambda number: self._save_part(number % 10),
            "download": lambda number: self._downloads.write(DownloadRecord("0123", "x" * 10_000, True, total=number)),
        }

    def _change_accounts(self) -> None:
        known = tokens(self._accounts, "ann")
        if len(known) > 4:
            revoke_token(self._accounts, known[0].id)
        else:
            new_token(self._accounts, "ann", "program")

    def _change_webhooks(self) -> None:
        webhooks = self._services.webhooks
        known = webhooks.all()
        if len(known) > 4:
            webhooks.remove(known[0].id)
        else:
            webhooks.add("https://93.184.215.14/" + "x" * 1000)

    def _save_part(self, number: int) -> None:
        self._parts.save(number, FinishedPicture(number, self._noise[number % 3], "a star", None))
        self._parts.decide(json.dumps({"number": number}))
        self._parts.leave_out([number])


def save_until_killed(folder: Path, telling: Connection, seed: int, has_hard_links: bool) -> None:
    """A process of its own."""
    if not has_hard_links:
        os.link = _refuse_link
    saver = Saver(build_services(resolve_paths(data_dir=folder), OPTIONS), telling, seed)
    write = files._write_temporary

    def told(path: Path, content: bytes) -> Path:
        saver.tell_of_write()
        return write(path, content)

    files._write_temporary = told
    saver.run()


def _refuse_link(*args: object, **kwargs: object) -> None:
    """As exFAT does, and some network shares."""
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.mark.parametrize("has_hard_links", [True, False], ids=["hard links", "no hard links"])
def test_kills_leave_whole_files_and_the_next_start_no_others(tmp_path: Path, has_hard_links: bool) -> None:
    """200 savers, killed at random points of saving or between two of its steps."""
    paths, moments = resolve_paths(data_dir=tmp_path / "data"), random.Random(SEED)
    put_lora(paths, "star")
    add_user(AccountFile(paths), "ann", "correct horse")
    checker, leftovers = Checker(paths), Counter[str]()
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    for number in range(KILLS):
        _save_and_kill(paths.data, moments, seconds, has_hard_links)
        if has_hard_links:  # without them a name is reserved by an empty file, which the start takes away
            checker.check_new_files()
        leftovers[checker.leftovers(tmp_path / "aside")] += 1
        with open_services(paths, OPTIONS) as services:
            checker.check_nothing_is_left(services)
        checker.check_new_files()
        if number % 20 == 19:
            log.info("killed %d times, which left %s", number + 1, dict(leftovers))
    checker.check_jobs()
    for kind, figures in seconds.items():
        log.info("%s: %d saved, median %.1f ms", kind, len(figures), 1000 * statistics.median(figures))
    assert KILLS - leftovers["nothing"] > KILLS / 5


def _save_and_kill(folder: Path, moments: random.Random, seconds: dict[str, list[float]], has_hard_links: bool) -> None:
    """Somewhere from the moment in which a saver begins to write to a little after the usual end of that."""
    hearing, telling = FORKED.Pipe(duplex=False)
    saver = FORKED.Process(
        target=save_until_killed, args=(folder, telling, moments.getrandbits(32), has_hard_links), daemon=True
    )
    with hearing:
        saver.start()
        telling.close()
        writes = moments.randint(1, MOST_WRITES)
        while writes:
            kind, lasted = hearing.recv()  # EOFError: the saver ended by itself
            if lasted is None:
                writes -= 1
            else:
                seconds[kind].append(lasted)
        time.sleep(moments.uniform(0, 1.2 * statistics.median(seconds[kind][-50:] or [0.01])))
        saver.kill()
        saver.join()


class Checker:
    """Looks through a data folder after each kill; files that did not change are looked at once."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._seen: dict[Path, tuple[int, int, int]] = {}

    def check_new_files(self) -> None:
        """Every file is whole that is not named as a temporary one."""
        for path in self._files():
            facts = path.stat()
            seen = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
            if not path.name.endswith(TEMPORARY_SUFFIX) and self._seen.get(path) != seen:
                check_whole(path)
                self._seen[path] = seen

    def leftovers(self, aside: Path) -> str:
        """What a kill left behind, in words; a copy of the database is asked, since the next start has to mend it."""
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        for path in self._paths.outputs.glob("*.sqlite3*"):
            if not path.name.endswith("-shm"):
                shutil.copy(path, aside)
        with closing(sqlite3.connect(aside / self._paths.database.name)) as copy:
            recorded = [self._paths.outputs / path for (path,) in copy.execute("SELECT path FROM pictures")]
        if not all(path.is_file() for path in recorded):
            return "a record without its file"
        if any(path.stat().st_size == 0 for path in recorded):
            return "an empty file"
        temporary = [path.name for path in self._files() if path.name.endswith(TEMPORARY_SUFFIX)]
        if not temporary:
            return "nothing"
        return "a temporary file of a picture" if temporary[0].startswith(".new.png") else "another temporary file"

    def check_nothing_is_left(self, services: Services) -> None:
        """No temporary file, no record without its file, no file without its record; the database is sound."""
        assert [path for path in self._files() if path.name.endswith(TEMPORARY_SUFFIX)] == []
        outputs = self._paths.txt2img_pictures
        files = {path.relative_to(self._paths.outputs).as_posix() for path in outputs.rglob("*") if path.is_file()}
        assert files == PictureRecords(services.database).paths()
        assert [row[0] for row in services.database.rows("PRAGMA integrity_check")] == ["ok"]

    def check_jobs(self) -> None:
        """Every job has each of its pictures once, but for the last one."""
        with closing(build_services(self._paths, OPTIONS)) as services:
            rows = services.database.rows("SELECT job_id, job_index FROM pictures")
            done = [job.id for job in services.generate.jobs(["done"], None, 10_000, None)]
        found = Counter((row["job_id"], row["job_index"]) for row in rows)
        assert found.keys() >= {(id, index) for id in done for index in range(PICTURES_OF_A_JOB)}
        assert set(found.values()) == {1}
        assert len(done) > KILLS / 10

    def _files(self) -> list[Path]:
        return [path for path in self._paths.data.rglob("*") if path.is_file()]


def check_whole(path: Path) -> None:
    """A file of a kind that the program writes; none was kept aside because it was broken."""
    match path.name.removesuffix(".previous").removesuffix(".bak").rpartition(".")[2]:
        case "png" | "webp":
            with Image.open(path) as image:
                image.load()
        case "json":
            assert json.loads(path.read_bytes())
        case "csv":
            sheet = read_style_sheet(path.read_text("utf-8-sig"))
            assert sheet.styles and not sheet.problems
        case "jsonl":
            assert all(json.loads(line) for line in path.read_text().splitlines())
        case "txt":
            assert all(int(line) < 10 for line in path.read_text().splitlines())
        case kind:
            assert kind.split("-")[0] in ("sqlite3", "lock", "pid", "safetensors"), path


def _noise(seed: float) -> np.ndarray:
    """Pixels of which a file becomes large."""
    return np.random.default_rng(int(seed * 2**32)).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
