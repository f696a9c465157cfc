"""One net under everything that Qt calls: an exception that leaves a slot would end the program."""

import inspect
import logging
import sys
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar, cast

from floater.codes import Code

log = logging.getLogger("floater.desktop")

_Call = TypeVar("_Call", bound=Callable[..., Any])
_POSITIONAL: Final = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
_listeners: Final[list[Callable[[Code], None]]] = []
_telling: Final = threading.local()


def under_net(call: _Call) -> _Call:
    """Make a function that Qt calls safe: what it raises is reported, and False or None is returned.

    A virtual method that should return a bool must return one: to Qt, None there is a failure itself.
    As Qt does for any other slot, the arguments of a signal beyond those that `call` takes are left out.
    """
    otherwise: Any = False if call.__annotations__.get("return") is bool else None
    kinds = [parameter.kind for parameter in inspect.signature(call).parameters.values()]
    takes = None if inspect.Parameter.VAR_POSITIONAL in kinds else sum(kind in _POSITIONAL for kind in kinds)

    @wraps(call)
    def safe(*args: Any, **kwargs: Any) -> Any:
        try:
            return call(*args[:takes], **kwargs)
        except Exception as error:
            report(error)
            return otherwise

    return cast("_Call", safe)


def report(error: BaseException) -> None:
    """Log the type of an exception, never its text, and tell the person that something failed."""
    log.error("= %s in the window", type(error).__name__)
    if getattr(_telling, "now", False):
        return  # to tell is what failed
    code = Code.STORAGE_FAILED if isinstance(error, OSError) else Code.INTERNAL
    _telling.now = True
    try:
        for listener in _listeners:
            listener(code)
    except Exception as another:  # the page may be what failed
        log.error("= %s while telling of it", type(another).__name__)
    finally:
        _telling.now = False


def install(tell: Callable[[Code], None]) -> None:
    """Call `tell` with the code of each failure, in its thread, and report what no net has caught."""
    _listeners[:] = [tell]
    sys.excepthook = lambda _kind, error, _trace: report(error)
    threading.excepthook = lambda args: report(args.exc_value) if args.exc_value is not None else None
