"""Errors that teach: what was expected, what was received, what to write instead."""

from __future__ import annotations

import difflib
import functools
import inspect
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """`"; did you mean 'strides'?"` for the known name nearest to `word`, else `""`.

    >>> did_you_mean("stride", ["strides", "padding"])
    "; did you mean 'strides'?"
    """
    names = {name.lower(): name for name in known}
    word = str(word).lower()
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.6)
    if not near:
        return ""
    score = [difflib.SequenceMatcher(None, name, word).ratio() for name in near]
    best = [name for name, s in zip(near, score, strict=True) if s == score[0]]
    images = [name for name in best if "2d" in name]  # of Conv1D, Conv2D and Conv3D the likeliest
    return f"; did you mean '{names[(images or best)[0]]}'?"


def check_keywords(
    function: Callable[..., Any],
    called: str,
    keywords: dict[str, Any],
    error: Callable[[dict[str, Any], str], Exception] = lambda wrong, told: TypeError(told),
) -> None:
    """Raise the error that names the misspelt keyword of a call, before the call is made."""
    parameters = _parameters(function)
    for keyword in keywords:
        if keyword not in parameters:
            hint = did_you_mean(keyword, parameters) or f"; it takes {', '.join(parameters)}"
            wrong = {k: v for k, v in keywords.items() if k not in parameters}
            raise error(wrong, f"{called}: unexpected argument '{keyword}'{hint}")


def teaches_keywords(function: F) -> F:
    """Decorator: a misspelt keyword gets a TypeError with the nearest right one."""

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            check_keywords(function, function.__name__, kwargs)
        return function(*args, **kwargs)

    return checked  # type: ignore[return-value]


class _SignatureOfInit:
    """A class's signature: its `__init__`'s, whatever its `__new__` takes."""

    def __get__(self, instance: Any, cls: type) -> inspect.Signature:
        init = inspect.signature(cls.__init__)  # type: ignore[misc]
        parameters = [] if cls.__init__ is object.__init__ else [*init.parameters.values()][1:]  # type: ignore[misc]
        return inspect.Signature(parameters)


class TeachesKeywords:
    """Base of every class that users construct: its constructor's misspelt keywords are named."""

    __signature__ = _SignatureOfInit()

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if kwargs:
            check_keywords(
                cls, cls.__name__, kwargs, functools.partial(cls._unexpected, args, kwargs)
            )
        return super().__new__(cls)

    @classmethod
    def _unexpected(
        cls, args: tuple[Any, ...], kwargs: dict[str, Any], wrong: dict[str, Any], told: str
    ) -> Exception:
        """The error for keywords, `wrong` among `kwargs`, that the constructor does not take."""
        return TypeError(told)


def missing_attribute(module: str, names: Iterable[str]) -> Callable[[str], Any]:
    """A module's `__getattr__` that suggests the nearest public name; `dir()` shows those names."""
    public = sorted(names)
    vars(sys.modules[module])["__dir__"] = lambda: public

    def __getattr__(name: str) -> Any:
        raise AttributeError(
            f"module '{module}' has no attribute '{name}'{did_you_mean(name, public)}"
        )

    return __getattr__


def lookup(kind: str, name: str, table: dict[str, Any]) -> Any:
    """`table[name]`, or a ValueError that lists what there is and suggests the nearest.

    >>> lookup("loss", "mxe", {"mse": min})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: Could not interpret loss identifier: mxe; did you mean 'mse'? Known: mse. Rec...
    """
    try:
        return table[name]
    except KeyError:
        hint = did_you_mean(name, table)
        raise ValueError(
            f"Could not interpret {kind} identifier: {name}{hint or '.'} "
            f"Known: {', '.join(sorted(table))}. Received: {name!r}"
        ) from None


@functools.lru_cache(maxsize=512)
def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    """Keyword names a function takes; a class adds those that its `**kwargs` hands to its bases."""
    if not isinstance(function, type):
        return _named(function)[0]
    names: list[str] = []
    for base in function.__mro__:
        if "__init__" in vars(base) and base is not object:
            own, more = _named(vars(base)["__init__"])
            names += [name for name in own[1:] if name not in names]
            if not more:
                break
    return tuple(names)


def _named(function: Callable[..., Any]) -> tuple[tuple[str, ...], bool]:
    parameters = inspect.signature(function).parameters.values()
    variadic = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    names = tuple(p.name for p in parameters if p.kind not in variadic)
    return names, any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
