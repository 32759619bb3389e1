"""Use cases of merging: one merge at a time, in a thread of its own, beside whatever the worker paints."""

from __future__ import annotations

import logging
import secrets
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from modules.checkpoints.file_hashes import be_polite
from modules.checkpoints.merge_recipe import METHODS, MergeFiles, MergeRecipe, Method, result_name
from modules.config.files import FORBIDDEN_IN_NAMES, LONGEST_NAME, safe_name
from modules.config.paths import Paths
from modules.errors import Interrupted, InvalidRequest, QueueFull, UserError
from modules.services.models import ModelService

if TYPE_CHECKING:
    from modules.checkpoints.merging import MergeResult

SUFFIX = ".safetensors"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MergeRequest:
    """What a person asks for. Models are names as the list of models has them; from a command line also paths."""

    recipe: MergeRecipe
    primary: str
    secondary: str = ""
    tertiary: str = ""
    vae: Path | None = None
    name: str = ""
    """Of the result, without a folder; empty: made of the models' names."""
    overwrite: bool = False


@dataclass(frozen=True)
class MergeState:
    """How a merge goes; a value that does not change any more."""

    id: str
    target: Path
    state: Literal["running", "done", "failed", "cancelled"] = "running"
    progress: float = 0.0
    """From 0 to 1; stays 0 while the hashes of the parents are computed."""
    result: MergeResult | None = None
    error: str = ""

    @property
    def is_over(self) -> bool:
        return self.state != "running"

    @property
    def stage(self) -> str:
        """What is being done, in a word."""
        return "merging" if self.progress else "hashing"


def merge_request(models: Sequence[str], options: Mapping[str, Any]) -> MergeRequest:
    """The request of a command line; without a method the one that takes as many models. Raises InvalidRequest."""
    usual: Method = next((method for method, count in METHODS.items() if count == len(models)), "Add difference")
    recipe = MergeRecipe(
        method=options["method"] or usual,
        multiplier=options["multiplier"],
        blocks=options["blocks"],
        dtype=options["dtype"],
        discard=tuple(options["discard"]),
        copy_metadata=not options["no_metadata"],
    )
    wanted = METHODS[recipe.method]
    if len(models) != wanted:
        remedy = f"Name {wanted}."
        raise InvalidRequest("Method", recipe.method, f"takes {wanted}, and {len(models)} models are given", remedy)
    a, b, c = [*models, "", ""][:3]
    return MergeRequest(recipe, a, b, c, options["bake_vae"], options["output"], options["overwrite"])


class MergeService:
    """Starts merges, watches them and stops them. `hash_of` knows the sha256 of files, if anything does."""

    def __init__(
        self, models: ModelService, paths: Paths, hash_of: Callable[[Path], str] | None = None, *, trusted: bool = False
    ) -> None:
        """`trusted`: names may be paths of files anywhere, as a command line gives them."""
        self._models = models
        self._folder = paths.checkpoint_folders[0]
        self._hash_of = hash_of
        self._trusted = trusted
        self._lock = threading.Lock()
        self._state: MergeState | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def start(self, request: MergeRequest) -> str:
        """Begin a merge; its id. Raises QueueFull while one runs, InvalidRequest, ModelNotFound, UnsupportedModel."""
        with self._lock:
            if self._state is not None and not self._state.is_over:
                raise QueueFull("A merge is running already. Wait until it is done, or cancel it.")
            files, recipe, target = self._resolved(request)
            self._state = MergeState(uuid.uuid4().hex, target)
            self._stopping.clear()
            self._thread = threading.Thread(
                target=self._run, args=(recipe, files, target, request.overwrite), name="merge", daemon=True
            )
            self._thread.start()
            return self._state.id

    def state(self) -> MergeState | None:
        """How the latest merge goes; None before the first."""
        return self._state

    def cancel(self) -> None:
        """Ask the running merge to stop; it leaves nothing behind."""
        self._stopping.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the running merge to end, at most so long; whether it has."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self._state is None or self._state.is_over

    def stop(self) -> None:
        """Cancel and wait, as the program ends."""
        self.cancel()
        self.wait()

    def _resolved(self, request: MergeRequest) -> tuple[MergeFiles, MergeRecipe, Path]:
        """Files, recipe and target of a request. Raises what `start` raises."""
        a, b, c = (
            self._file(name) if name else None for name in (request.primary, request.secondary, request.tertiary)
        )
        if a is None:
            raise InvalidRequest("Model A", "", "is missing", "Choose a checkpoint.")
        files = MergeFiles(a, b, c, request.vae)
        recipe = replace(request.recipe, custom_name=request.name)
        name = request.name or result_name(recipe, (*(path.stem for path in files.parents), "?", "?"))
        target = self._target(name, is_given=bool(request.name))
        if target.exists() and not request.overwrite:
            raise InvalidRequest("Name", target.name, "is taken", "Choose another name, or allow it to be overwritten.")
        return files, recipe, target

    def _file(self, name: str) -> Path:
        """The file of a model. Raises ModelNotFound, UnsupportedModel."""
        if self._trusted and (path := Path(name).expanduser()).exists():
            return path
        return self._models.find(name).path

    def _target(self, name: str, *, is_given: bool) -> Path:
        """Where the result goes. Raises InvalidRequest for what is no name of a file."""
        if self._trusted and is_given and Path(name).name not in (name, "", ".."):
            path = Path(name).expanduser()
            return path.with_name(_with_suffix(path.name))
        file = _with_suffix(name.strip())
        if not is_given:
            file = safe_name("".join("_" if sign in FORBIDDEN_IN_NAMES else sign for sign in file))
        if file != safe_name(file) or Path(file).suffix.lower() != SUFFIX:
            remedy = f"Use at most {LONGEST_NAME - len(SUFFIX)} letters, none of {FORBIDDEN_IN_NAMES}, and no dot first"
            raise InvalidRequest("Name", name, "is no name for a file", f"{remedy}; Windows keeps some short names.")
        return self._folder / file

    def _run(self, recipe: MergeRecipe, files: MergeFiles, target: Path, overwrite: bool) -> None:
        """The thread: every way to end becomes a state."""
        from modules.checkpoints.merging import merge  # torch takes seconds to import

        be_polite()
        try:
            result = merge(
                recipe,
                files,
                target,
                progress=lambda share: self._change(progress=share),
                check=self._check,
                overwrite=overwrite,
                hash_of=self._hash_of,
            )
            self._change(state="done", progress=1.0, result=result)
        except Interrupted:
            self._change(state="cancelled")
        except UserError as error:
            self._change(state="failed", error=str(error))
        except OSError as error:
            self._change(state="failed", error=f"{error.strerror or error}: {error.filename or target}")
        except Exception:  # the boundary of a thread: nobody above could tell of it
            fault = secrets.token_hex(4)
            log.exception("A merge failed (fault %s)", fault)
            self._change(state="failed", error=f"The merge failed. The log has the details under {fault}.")

    def _check(self) -> None:
        if self._stopping.is_set():
            raise Interrupted("The merge was cancelled.")

    def _change(self, **values: Any) -> None:
        assert self._state is not None
        self._state = replace(self._state, **values)


def _with_suffix(name: str) -> str:
    return name if name.lower().endswith(SUFFIX) else name + SUFFIX
