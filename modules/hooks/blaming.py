"""Tells whose fault it is where the code of an extension fails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from modules.errors import AtelierError

log = logging.getLogger(__name__)


@contextmanager
def blaming(
    fault: Callable[[BaseException], AtelierError], passes: Callable[[BaseException], bool] = lambda error: False
) -> Iterator[None]:
    """Raises `fault`, made of the error, where the code of an extension fails within it.

    What is no fault of the code's goes through: that somebody stopped the job, a refusal in words, and what `passes`.
    """
    try:
        yield
    except AtelierError:
        raise
    except (Exception, SystemExit) as error:  # others wrote it, and it may even try to end the program
        if passes(error):
            raise
        blamed = fault(error)
        log.exception("%s", blamed)
        raise blamed from error
