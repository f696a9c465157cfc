"""With this folder on PYTHONPATH, a Python program writes the keys of all its TLS streams to SSLKEYLOGFILE.

The programs themselves have no such door: their contexts ignore that variable.
"""

import os
import ssl
from typing import Any

_make = ssl.SSLContext.__new__


def _make_and_log(cls: type[ssl.SSLContext], *args: Any, **named: Any) -> ssl.SSLContext:
    context = _make(cls, *args, **named)
    context.keylog_filename = os.environ["SSLKEYLOGFILE"]
    return context


ssl.SSLContext.__new__ = staticmethod(_make_and_log)  # type: ignore[assignment,method-assign]  # the point
