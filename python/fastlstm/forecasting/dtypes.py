"""Types of columns of pandas and polars as plain data, without importing either."""

from __future__ import annotations

import importlib
from typing import Any, Final

__all__ = ["describe_dtype", "import_library", "make_dtype"]

# What instances of polars' types may have been given.
_OPTIONS: Final = ("time_unit", "time_zone", "precision", "scale")


def import_library(name: str) -> Any:
    """Import pandas or polars.

    Raises
    ------
    ImportError
        It is not there; the message tells how to get it.
    """
    if name not in ("pandas", "polars"):
        raise ValueError(f"frames are those of pandas or polars, got {name!r}")
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"the series came as those of {name}, and so do their forecasts: pip "
            f"install {name}"
        ) from error


def describe_dtype(dtype: Any) -> dict[str, Any]:
    """Describe the type of a column of pandas or polars by names and numbers."""
    if hasattr(dtype, "base_type"):
        given = {option: getattr(dtype, option, None) for option in _OPTIONS}
        result = {key: value for key, value in given.items() if value is not None}
        name = dtype.base_type().__name__
        if name == "Enum":
            result["categories"] = dtype.categories.to_list()
        return {"name": name, **result}
    if type(dtype).__name__ == "CategoricalDtype":
        return {
            "name": "category",
            "categories": dtype.categories.to_list(),
            "of": describe_dtype(dtype.categories.dtype),
            "ordered": bool(dtype.ordered),
        }
    name = str(dtype)
    # Its text does not tell what pandas keeps strings in.
    return {"name": f"string[{dtype.storage}]" if name == "string" else name}


def make_dtype(library: Any, text: dict[str, Any]) -> Any:
    """Return the type that `describe_dtype` has described.

    Raises
    ------
    ValueError, TypeError
        No such type.
    """
    name = text["name"]
    if library.__name__ == "polars":
        made = getattr(library, name, None)
        if not (isinstance(made, type) and issubclass(made, library.DataType)):
            raise ValueError(f"polars has no type {name!r}")
        return made(**{key: value for key, value in text.items() if key != "name"})
    if name == "category":
        categories = library.Index(
            text["categories"], dtype=make_dtype(library, text["of"])
        )
        return library.CategoricalDtype(categories, ordered=text["ordered"])
    return library.api.types.pandas_dtype(name)
