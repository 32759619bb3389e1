"""The front door: arguments -> settings -> services -> API + UI -> serve. launch.py brings the packages it needs."""

from __future__ import annotations

import argparse
import errno
import getpass
import logging
import os
import shutil
import socket
import ssl
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, nullcontext
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modules.config.command_line import extras_fields, parse_command_line, paths_of, request_fields
from modules.config.host_names import is_loopback
from modules.config.logins import given_users
from modules.config.open_files import allow_open_files
from modules.config.paths import Paths
from modules.errors import AddressInUse, DataFolderInUse, InvalidSetting, UserError
from modules.schema.requests import REQUESTS, Img2ImgRequest
from modules.services.options import EngineOptions
from modules.services.stopping import Stopping

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

    from modules.schema.jobs import Job
    from modules.services.batches import Batch
    from modules.services.build import Services
    from modules.services.downloads import Download, DownloadService

LOOPBACK = "127.0.0.1"
_WITHOUT_EXTENSIONS = "The server was started with --disable-extensions."
_MERGING = "Merging needs no extension."


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit code is 0, 1 for a failed job, or 2 for something that the person can mend."""
    options = parse_command_line(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    for chatty in ("httpx", "httpcore", "xformers", "dulwich"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    commands = {
        "ui": serve,
        "generate": generate,
        "upscale": upscale,
        "doctor": doctor,
        "download": download,
        "merge": merge,
        "convert": convert,
        "user": user,
        "token": token,
    }
    try:
        return commands[options.command](options, paths_of(options))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except ImportError as error:
        if (error.name or "").startswith("modules"):
            raise
        print(
            f"The package {error.name} is missing or broken ({error}). Run: python launch.py --reinstall",
            file=sys.stderr,
        )
        return 2
    except OSError as error:
        logging.getLogger(__name__).debug("Unforeseen", exc_info=error)
        print(f"{error.strerror or error}: {error.filename or paths_of(options).data}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def serve(options: argparse.Namespace, paths: Paths) -> int:
    """Open the web UI and answer until the process is asked to stop."""
    stopping = Stopping()
    stopping.listen()
    allow_open_files()
    host = check_address(options, paths)
    keep_caches_in(paths)
    from modules.services.build import open_services

    processes = options.worker == "process"
    with open_services(paths, engine_options(options), processes=processes) as services:
        if processes:
            services.generate.start()  # it loads its libraries while the page loads its own
        services.webhooks.start(allow_private=options.allow_private_webhooks)
        services.picture_folders.look_at_all()
        import uvicorn  # the other commands do without it

        from modules.api.request_heads import PromptHeads

        application, make_page = application_and_page(services, options, host)
        config = uvicorn.Config(
            application,
            host=host,
            port=options.port,
            log_level="warning",
            timeout_graceful_shutdown=2,
            ssl_certfile=options.tls_certfile,
            ssl_keyfile=options.tls_keyfile,
            server_header=False,
            # What a client says of its own address is nothing to count its attempts to log in by.
            proxy_headers=False,
            http=PromptHeads,
        )
        server = uvicorn.Server(config)
        # The signals are ours: uvicorn's own way would leave the worker no time.
        server.capture_signals = nullcontext  # type: ignore[assignment, method-assign]

        def stop() -> None:
            server.should_exit = True
            threading.Thread(target=services.generate.stop, name="stopping", daemon=True).start()

        stopping.at_work(stop)
        services.restarting.offer(stopping.ask_for_another)
        services.extensions.may_change = options.allow_extension_changes or not _is_public(options, host)
        services.extension_manager.allow(
            private_addresses=options.allow_private_extensions, folders=not _is_public(options, host)
        )
        faults: list[BaseException] = []

        def open_page() -> None:
            try:
                make_page()
                _when_ready(server, services, options, host, application)
            except BaseException as error:  # noqa: BLE001  the main thread raises it
                faults.append(error)
                server.should_exit = True

        threading.Thread(target=open_page, name="opening", daemon=True).start()
        server.run()
        if faults and not stopping.is_wanted:
            raise faults[0]
        begins_anew = services.restarting.is_wanted
    if begins_anew:
        stopping.begin_anew()
    return 0


def create_application(services: Services, options: argparse.Namespace, host: str) -> FastAPI:
    """API and page as one application."""
    application, make_page = application_and_page(services, options, host)
    make_page()
    return application


def application_and_page(
    services: Services, options: argparse.Namespace, host: str
) -> tuple[FastAPI, Callable[[], None]]:
    """The application, whose API answers at once, and what makes the page in it, which takes longer."""
    from modules.api.allowed_hosts import hosts_of
    from modules.api.application import create_application as create_api
    from modules.services.account_file import AccountFile
    from modules.services.accounts import Accounts
    from modules.ui.page_place import leave_place

    accounts = Accounts(AccountFile(services.paths), given_users(options), always=_is_public(options, host))
    hosts = hosts_of(host, options.port, options.allow_host)
    application = create_api(
        hosts=hosts,
        services=services,
        accounts=accounts,
        origins=options.cors_allow_origins,
    )
    application.state.hosts = hosts
    place = leave_place(application)

    def make() -> FastAPI:
        from modules.ui.application import page_application  # gradio takes seconds to import

        has_logins, policy = accounts.needed, application.user_middleware
        page: FastAPI = page_application(services, has_logins=has_logins, theme=options.theme, policy=policy)
        return page

    return application, partial(place.fill, make)


def _is_public(options: argparse.Namespace, host: str) -> bool:
    """Whether other machines can reach the server."""
    return options.share or not is_loopback(host)


def generate(options: argparse.Namespace, paths: Paths) -> int:
    """Make pictures from the command line, through the same queue as the page."""
    task, fields = request_fields(options)
    check_output(options.output)

    def submit(services: Services) -> Job:
        if options.batch_dir is not None:
            return _submit_batch(services, _batch(services, options, Img2ImgRequest.of(_stored(services, fields))))
        return services.generate.submit(REQUESTS[task].of(_stored(services, fields)))

    return _run_job(options, paths, submit)


def upscale(options: argparse.Namespace, paths: Paths) -> int:
    """Enlarge, restore and cut finished pictures from the command line, through the same queue as the page."""
    fields = extras_fields(options)
    files = fields.pop("images")
    check_output(options.output)

    def submit(services: Services) -> Job:
        found = [services.batches.files_in(one, trusted=True) if one.is_dir() else [one] for one in files]
        steps = services.postprocessing.with_files(fields.get("postprocessing", {}), services.inputs.add_file)
        return _submit_batch(
            services, services.batches.extras({**fields, "postprocessing": steps}, list(chain(*found)))
        )

    return _run_job(options, paths, submit)


def _batch(services: Services, options: argparse.Namespace, request: Img2ImgRequest) -> Batch:
    """What the flags of a batch ask for. Raises InvalidRequest."""
    files = services.batches.files_in(options.batch_dir, trusted=True)
    mask_dir = options.batch_mask_dir
    masks = services.batches.files_in(mask_dir, trusted=True) if mask_dir else []
    return services.batches.img2img(request, files, masks=masks, take=options.batch_take, folder=options.batch_folder)


def _submit_batch(services: Services, batch: Batch) -> Job:
    """Queue a batch, and say what is not in it."""
    for reason in batch.left_out:
        print(reason, file=sys.stderr)
    return services.generate.submit_batch(batch)


def _stored(services: Services, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with ids in the place of picture files. Raises UnreadablePicture, StorageFull."""

    def stored(value: Any) -> Any:
        if isinstance(value, Path):
            return services.inputs.add_file(value)
        return [stored(one) for one in value] if isinstance(value, list) else value

    if "sections" in fields:
        fields = {**fields, "sections": services.sections.with_files(fields["sections"], services.inputs.add_file)}
    return {name: stored(value) for name, value in fields.items()}


def _run_job(options: argparse.Namespace, paths: Paths, submit: Callable[[Services], Job]) -> int:
    """Queue a job and follow it, in this process or in the server that holds the data folder; the exit code."""
    keep_caches_in(paths)
    from modules.services.build import build_services, open_services
    from modules.services.data_folder import is_in_use

    job_id: str | None = None

    def submitted(services: Services) -> str:
        job = submit(services)
        if services.generate.is_paused():
            print("The queue is paused: the job waits until an owner lets it go on (docs/api.md).", file=sys.stderr)
        return job.id

    while True:
        try:
            with open_services(paths, engine_options(options)) as services:
                services.starts.finish()  # every extension is in: a job that is killed later is no failed start
                job_id = job_id or submitted(services)
                services.generate.start()  # only now: a refused request need not wait for torch
                _follow(services, job_id)
                return _report(services, job_id, options.output)
        except DataFolderInUse:
            # Whoever holds the folder takes what stands in the queue; if it ends before that, it is our turn.
            with closing(build_services(paths, engine_options(options))) as beside:
                job_id = job_id or submitted(beside)
                while not (is_over := _follow(beside, job_id, seconds=2.0)) and is_in_use(paths):
                    pass
                if is_over:
                    return _report(beside, job_id, options.output)


def doctor(options: argparse.Namespace, paths: Paths) -> int:
    """Print what was found on this machine."""
    keep_caches_in(paths)
    from modules.services.build import build_services

    with closing(build_services(paths, engine_options(options))) as services:
        for label, finding in services.doctor.report():
            print(f"{label + ':':<17} {finding}", flush=True)
    return 0


def download(options: argparse.Namespace, paths: Paths) -> int:
    """Fetch a model into its folder; without one, print the list of well-known ones."""
    keep_caches_in(paths)
    from modules.services.download_list import DOWNLOAD_LIST
    from modules.services.downloads import open_downloads

    if not options.model:
        for entry in DOWNLOAD_LIST:
            print(f"{entry.id:<16} {entry.title} ({entry.kind}, about {entry.megabytes:,} MB, {entry.licence})")
            print(f"{'':<16} {entry.purpose}")
        return 0
    with closing(open_downloads(paths, allow_private=options.allow_private_downloads)) as downloads:
        id = downloads.start(
            options.model,
            options.file,
            kind=options.kind,
            name=options.name,
            sha256=options.sha256,
            revision=options.revision,
        )
        return _report_download(_follow_download(downloads, id))


def merge(options: argparse.Namespace, paths: Paths) -> int:
    """Make a checkpoint of others, and print where it is."""
    keep_caches_in(paths)
    from modules.services.build import build_services
    from modules.services.merging import MergeService, merge_request

    with closing(build_services(paths, EngineOptions(without_extensions=_MERGING))) as services:
        merges = MergeService(services.models, paths, services.model_files.sha256_of, trusted=True)
        merges.start(merge_request(options.models, vars(options)))
        try:
            while not merges.wait(0.2):
                if sys.stderr.isatty() and (state := merges.state()):
                    print(f"\r{state.stage} {state.progress:.0%} ", end="", file=sys.stderr, flush=True)
        finally:
            merges.stop()
        state = merges.state()
    if state is None or state.result is None:
        print(state.error if state else "Nothing was merged.", file=sys.stderr)
        return 1
    result = state.result
    counts = f"{result.merged} tensors merged, {result.kept} kept as they are in A"
    print(f"{counts}, {result.left_out} of the others left out.", file=sys.stderr)
    if result.note:
        print(result.note, file=sys.stderr)
    print(result.path)
    return 0


def convert(options: argparse.Namespace, paths: Paths) -> int:
    """Turn a pickle into a safetensors file, and print where it is and what was lost."""
    keep_caches_in(paths)
    from modules.services.conversion import convert as convert_file

    memory = None if options.memory_limit is None else int(options.memory_limit * 1e9)
    limits = {"memory": memory, "seconds": options.time_limit}
    done = convert_file(options.file, options.output, overwrite=options.overwrite, **limits)
    if done.dropped:
        more = f" and {len(done.dropped) - 20} more" if len(done.dropped) > 20 else ""
        print(f"Left out, since they are no weights: {', '.join(done.dropped[:20])}{more}", file=sys.stderr)
    print(done.path)
    return 0


def check_output(output: Path | None) -> None:
    """Raise InvalidSetting where --output is neither a folder nor the name of a PNG."""
    if output is None or output.is_dir() or output.suffix.lower() == ".png":
        return
    if output.exists() or output.suffix:
        raise InvalidSetting(f"--output {output} is neither a folder nor a name that ends in .png. Choose one of them.")


def user(options: argparse.Namespace, paths: Paths) -> int:
    """Add, list or remove who may log in."""
    from modules.services.account_file import AccountFile
    from modules.services.accounts import add_user, remove_user

    file = AccountFile(paths)
    if options.wish == "list":
        for known in file.read().users:
            print(f"{known.name}{' (owner)' if known.is_owner else ''}")
    elif options.wish == "remove":
        remove_user(file, options.name)
    else:
        is_owner = add_user(file, options.name, _new_password(options.name), is_owner=options.is_owner)
        print(f"{options.name} may log in{' and is an owner' if is_owner else ''}: {file.path}")
    return 0


def token(options: argparse.Namespace, paths: Paths) -> int:
    """Make, list or revoke what programs log in with."""
    from modules.services.account_file import AccountFile
    from modules.services.accounts import new_token, revoke_token

    file = AccountFile(paths)
    if options.wish == "list":
        for known in file.read().tokens:
            print(f"{known.id}  {known.user}  {time.strftime('%Y-%m-%d', time.localtime(known.created))}  {known.name}")
    elif options.wish == "revoke":
        revoke_token(file, options.subject)
    else:
        if file.read().user(options.subject) is None:
            raise InvalidSetting(f"There is no user {options.subject!r}. Add one first: launch.py user add NAME")
        known, secret = new_token(file, options.subject, options.purpose)
        print(f"This is shown once; revoke it with: launch.py token revoke {known.id}", file=sys.stderr)
        print(secret)
    return 0


def _new_password(name: str) -> str:
    """From the terminal, twice; else the first line of what comes in."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass(f"Password of {name}: ")
    if getpass.getpass("Once more: ") != password:
        raise InvalidSetting("These were two passwords. Try again.")
    return password


def check_address(options: argparse.Namespace, paths: Paths) -> str:
    """The address to bind. Raises InvalidSetting where it is unsafe, AddressInUse where it is taken."""
    host: str = options.server_name or ("0.0.0.0" if options.listen else LOOPBACK)  # noqa: S104  asked for by name
    if options.share or not is_loopback(host):
        from modules.services.account_file import AccountFile

        if not given_users(options) and not AccountFile(paths).read().users:
            what = f"Answering on {host}" if not is_loopback(host) else "--share"
            raise InvalidSetting(
                f"{what} lets strangers in. Say who may log in with launch.py user add NAME or --gradio-auth "
                "USER:PASSWORD, or leave --listen, --server-name and --share out."
            )
    check_certificate(options)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        free = _is_free(family, host, options.port)
    except OSError as error:
        raise InvalidSetting(
            f"{host} port {options.port} cannot be used ({error.strerror}). Choose another --port or --server-name."
        ) from error
    if not free:
        following = range(options.port + 1, min(options.port + 1000, 65536))
        offer = next((port for port in following if _is_free(family, host, port)), None)
        remedy = "Choose another with --port." if offer is None else f"Start with --port {offer}, which is free."
        raise AddressInUse(f"Port {options.port} is taken by another program. {remedy}")
    return host


def check_certificate(options: argparse.Namespace) -> None:
    """Raise InvalidSetting where the certificate for https cannot be used."""
    if options.tls_certfile is None and options.tls_keyfile is None:
        return
    if options.tls_certfile is None or options.tls_keyfile is None:
        raise InvalidSetting("--tls-certfile and --tls-keyfile belong together. Give both or none.")
    if options.share:
        raise InvalidSetting("--share has a certificate of its own. Leave it or --tls-certfile out.")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(options.tls_certfile, options.tls_keyfile, "")
    except (OSError, ValueError) as error:
        raise InvalidSetting(
            f"--tls-certfile {options.tls_certfile} cannot be used with --tls-keyfile {options.tls_keyfile} "
            f"({error.strerror if isinstance(error, OSError) else error}). Give a certificate and its key as PEM files."
        ) from error


def engine_options(options: argparse.Namespace) -> EngineOptions:
    """The engine's part of the command line."""
    return EngineOptions(
        precision=options.precision,
        use_cpu=options.use_cpu,
        device_number=options.device_id,
        attention=options.attention,
        full_vae=options.no_half_vae,
        full_attention=options.upcast_sampling,
        eight_bit=options.fp8,
        memory=options.memory,
        without_extensions=_WITHOUT_EXTENSIONS if options.disable_extensions else "",
    )


def keep_caches_in(paths: Paths) -> None:
    """Make the libraries write below the data folder, and never to the network; must run before they are imported."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HOME"] = str(paths.cache / "huggingface")
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["MPLCONFIGDIR"] = str(paths.cache / "matplotlib")


def _when_ready(
    server: uvicorn.Server, services: Services, options: argparse.Namespace, host: str, application: FastAPI
) -> None:
    """Say where the page is, and only then let a worker's thread import torch: it would keep the page waiting."""
    while not server.started:
        if server.should_exit:
            return
        time.sleep(0.05)
    shown = LOOPBACK if host in ("0.0.0.0", "::") else host  # noqa: S104  compared, not bound
    scheme = "https" if options.tls_certfile else "http"
    url = f"{scheme}://{f'[{shown}]' if ':' in shown else shown}:{options.port}"
    print(f"Atelier is ready: {url}", flush=True)
    if options.worker == "thread":
        services.generate.start()
    services.starts.finish()
    services.model_files.start()
    if options.share:
        from modules.ui.sharing import share

        share(LOOPBACK if host in ("0.0.0.0", "::") else host, options.port, application.state.hosts.add)  # noqa: S104
    if options.autolaunch:
        webbrowser.open(url)  # last, since a browser in the terminal comes back only when it is closed


def _report(services: Services, job_id: str, output: Path | None) -> int:
    """Print where the pictures of a job that is over are; the exit code."""
    pictures = services.pictures.of_job(job_id)
    for place, picture in enumerate(pictures, start=1):
        print(_copy(services.pictures.file(picture), output, place if len(pictures) > 1 else None))
    job = services.generate.job(job_id)
    if job.state != "done":
        print(job.error or "The job was cancelled.", file=sys.stderr)
        return 1
    return 0


def _follow(services: Services, job_id: str, seconds: float = float("inf")) -> bool:
    """Show a job's progress until it is over, or for some seconds; whether it is over. Ctrl+C cancels the job."""
    deadline = time.monotonic() + seconds
    seen = 0
    try:
        while time.monotonic() < deadline:
            is_over = services.generate.job(job_id).is_over
            for event in services.generate.events(job_id, seen):
                seen = event.sequence
                if event.kind == "progress" and sys.stderr.isatty():
                    end = "\n" if event.step == event.steps else ""
                    print(f"\rstep {event.step} of {event.steps}", end=end, file=sys.stderr, flush=True)
            if is_over:
                return True
            time.sleep(0.05)
    except KeyboardInterrupt:
        services.generate.interrupt(job_id, "now")  # or the next server would go on with it
        raise
    return False


def _follow_download(downloads: DownloadService, id: str) -> Download:
    """Show a download's progress on one line until it is over."""
    problem = ""
    while not (shown := downloads.wait(id, 0.2)).is_over:
        if shown.problem and shown.problem != problem:
            print(shown.problem, file=sys.stderr)
        problem = shown.problem
        if sys.stderr.isatty():
            share = f" of {shown.total / 1e6:,.1f} MB ({shown.received / shown.total:.0%})" if shown.total else " MB"
            line = f"{shown.state}: {shown.received / 1e6:,.1f}{share}, {shown.speed / 1e6:,.1f} MB/s"
            print(f"\r{line:<78}", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    return shown


def _report_download(shown: Download) -> int:
    """Print where a file is, or why it is nowhere; the exit code."""
    if shown.path is None:
        print(shown.problem, file=sys.stderr)
        return 1
    if shown.note:
        print(shown.note, file=sys.stderr)
    print(shown.path)
    return 0


def _copy(picture: Path, output: Path | None, place: int | None) -> Path:
    """Copy a picture to where --output says; `place` goes into the name where there are several.

    One that the settings have saved in another format keeps the suffix of that.
    """
    if output is None:
        return picture
    if output.suffix.lower() != ".png":
        output.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copyfile(picture, _free_name(output, picture)))
    output.parent.mkdir(parents=True, exist_ok=True)
    target = output if place is None else output.with_name(f"{output.stem}-{place}{output.suffix}")
    target = target.with_suffix(picture.suffix)
    return Path(shutil.copyfile(picture, target))


def _free_name(folder: Path, picture: Path) -> Path:
    """A name in a folder that nothing has: results may be called as what they were made from."""
    target, number = folder / picture.name, 0
    while target.exists():
        number += 1
        target = folder / f"{picture.stem}-{number}{picture.suffix}"
    return target


def _is_free(family: socket.AddressFamily, host: str, port: int) -> bool:
    """Whether nobody has the port. Raises OSError where it cannot be used at all."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE or (os.name == "nt" and error.errno == errno.EACCES):
                return False
            raise
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
