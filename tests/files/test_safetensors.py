"""The safetensors format beside the format's own library; damaged, foreign files."""

from __future__ import annotations

import contextlib
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastlstm.files import read_tensors, write_tensors
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from ..compare import assert_same_bits

DTYPES = ["?", *"bBhHiIqQ", "e", "f", "d"]
ARRAYS = st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=8).filter(
        lambda name: name != "__metadata__"
    ),
    st.sampled_from(DTYPES).flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, min_side=0))
    ),
    max_size=4,
)
METADATA = st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=3)


@given(arrays=ARRAYS, metadata=METADATA)
def test_the_library_reads_ours_and_we_read_the_librarys(
    tmp_path_factory: pytest.TempPathFactory,
    arrays: dict[str, np.ndarray],
    metadata: dict[str, str],
) -> None:
    path = tmp_path_factory.getbasetemp() / "arrays.safetensors"
    write_tensors(path, arrays, metadata)
    assert_same_bits(load_file(path), arrays)
    with safe_open(path, "numpy") as file:
        assert (file.metadata() or {}) == metadata
    # For an empty dict beside no array the library (0.8) writes what is no JSON.
    save_file(arrays, path, metadata or None)
    tensors, strings = read_tensors(path)
    assert_same_bits(tensors, arrays)
    assert strings == metadata
    assert all(array.flags.writeable for array in tensors.values())


def test_bytes_lie_where_they_can_be_mapped(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_tensors(
        path, {"a": np.ones(3, "?"), "b": np.ones(3), "c": np.ones(1, "f")}, {}
    )
    length = int.from_bytes(path.read_bytes()[:8], "little")
    header = json.loads(path.read_bytes()[8 : 8 + length])
    assert length % 8 == 0
    begins = {name: entry["data_offsets"][0] for name, entry in header.items()}
    assert begins == {"b": 0, "c": 24, "a": 28}


def test_strides_and_byte_order(tmp_path: Path) -> None:
    arrays = {"strided": np.arange(24.0).reshape(4, 6)[::2, ::-3]}
    arrays |= {"big": np.arange(5, dtype=">i4")}
    write_tensors(tmp_path / "a", arrays, {})
    expected = {"strided": arrays["strided"].copy(), "big": np.arange(5, dtype="i4")}
    assert_same_bits(load_file(tmp_path / "a"), expected)
    assert_same_bits(read_tensors(tmp_path / "a")[0], expected)


@pytest.mark.parametrize("dtype", ["c16", "U3", "O", "M8[s]", "g"])
def test_other_dtypes_are_refused(tmp_path: Path, dtype: str) -> None:
    with pytest.raises(TypeError, match=r"weights is of .* which safetensors has not"):
        write_tensors(tmp_path / "a", {"weights": np.zeros(2, dtype)}, {})
    assert not list(tmp_path.iterdir())


def file_of(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    size = len(text) if length is None else length
    return size.to_bytes(8, "little") + text + data


def entry(**values: Any) -> dict[str, Any]:
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **values}


BAD = {
    "empty": (b"", "0 bytes, expected at least 8"),
    "short": (b"\0" * 7, "7 bytes"),
    "pickle": (
        b"\x80\x04\x95" + b"\0" * 40,
        "header would have .* bytes, the file has",
    ),
    "endless header": (file_of({}, length=2**63), "header would have"),
    "long header": (file_of({}, length=3), "header would have 3 bytes"),
    "no object": (file_of(b" {}"), "does not begin with {"),
    "no text": (file_of(b"{\xff}"), "codec"),
    "no JSON": (file_of(b"{'a': 1}"), "property name"),
    "half of JSON": (file_of(b'{"a": '), "Expecting value"),
    "NaN": (file_of(b'{"a": NaN}'), "NaN is not JSON"),
    "deep": (file_of(b'{"a":' * 99_999), "recursion"),
    "twice": (
        file_of(b'{"a":{"dtype":"I8","shape":[0],"data_offsets":[0,0]},"a":1}'),
        "a name stands twice",
    ),
    "list": (file_of({"a": []}), "'a' needs a dtype, a shape and data_offsets"),
    "missing": (file_of({"a": {"dtype": "F32", "shape": []}}), "needs a dtype"),
    "more": (file_of({"a": entry(x=1)}, b"\0" * 8), "needs a dtype"),
    "metadata": (file_of({"__metadata__": {"a": 1}}), "must hold strings"),
    "metadata list": (file_of({"__metadata__": []}), "must hold strings"),
    "dtype": (file_of({"a": entry(dtype="BF16")}, b"\0" * 8), "is of 'BF16', expected"),
    "dtype list": (file_of({"a": entry(dtype=[])}, b"\0" * 8), r"is of \[\], expected"),
    "float shape": (
        file_of({"a": entry(shape=[2.0])}, b"\0" * 8),
        "sizes should stand",
    ),
    "bool shape": (file_of({"a": entry(shape=[True, 2])}, b"\0" * 8), "sizes should"),
    "negative": (
        file_of({"a": entry(shape=[-1, -2])}, b"\0" * 8),
        "sizes should stand",
    ),
    "huge": (file_of({"a": entry(shape=[2**62, 4])}, b"\0" * 8), r"8 bytes, but shape"),
    "beyond": (file_of({"a": entry(shape=[0, 2**70])}, b""), "sizes should stand"),
    "one offset": (file_of({"a": entry(data_offsets=[8])}, b"\0" * 8), "and offsets"),
    "backwards": (file_of({"a": entry(data_offsets=[8, 0])}, b"\0" * 8), "-8 bytes"),
    "size": (file_of({"a": entry(shape=[3])}, b"\0" * 8), "8 bytes, but shape"),
    "overlap": (
        file_of({"a": entry(), "b": entry(data_offsets=[4, 12])}, b"\0" * 12),
        "'b' begins at byte 4, expected 8",
    ),
    "hole": (
        file_of({"a": entry(), "b": entry(data_offsets=[9, 17])}, b"\0" * 17),
        "'b' begins at byte 9, expected 8",
    ),
    "cut": (file_of({"a": entry()}, b"\0" * 7), "need 8 bytes, it has 7"),
    "rest": (file_of({"a": entry()}, b"\0" * 9), "need 8 bytes, it has 9"),
    "truth": (
        file_of({"a": entry(dtype="BOOL", shape=[8])}, b"\2" * 8),
        "holds 2 as a truth value",
    ),
}
# Where the library is milder, or knows more dtypes.
MILDER = {"no object", "bool shape", "truth", "NaN", "more", "dtype"}


@pytest.mark.parametrize("name", BAD)
def test_foreign_files(tmp_path: Path, name: str) -> None:
    data, message = BAD[name]
    path = tmp_path / "strange.safetensors"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=f"strange.safetensors is not .*: .*{message}"):
        read_tensors(path)
    if name not in MILDER:
        with pytest.raises(SafetensorError):
            load_file(path)


def small_file(path: Path) -> bytes:
    arrays = {"a": np.arange(3.0), "b": np.ones((2, 3), "?"), "c": np.zeros(5, "f")}
    write_tensors(path, arrays, {"what": "test"})
    return path.read_bytes()


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    whole = small_file(tmp_path / "a")
    for size in range(len(whole)):
        (tmp_path / "a").write_bytes(whole[:size])
        with pytest.raises(ValueError, match="is not a whole safetensors file"):
            read_tensors(tmp_path / "a")


def test_no_flip_is_more_than_an_error(tmp_path: Path) -> None:
    whole = small_file(tmp_path / "a")
    tracemalloc.start()
    try:
        for bit in range(8 * len(whole)):
            damaged = bytearray(whole)
            damaged[bit // 8] ^= 1 << bit % 8
            (tmp_path / "a").write_bytes(damaged)
            # A flip in names or values: no reader can tell.
            with contextlib.suppress(ValueError):
                tensors, _ = read_tensors(tmp_path / "a")
                assert sum(array.nbytes for array in tensors.values()) == 50
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()


# ---------------------------------------------------------------------- whole writes


def test_a_failed_write_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    before = small_file(path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_tensors(path, {"a": np.zeros(99)}, {})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_file_and_folder_are_flushed_around_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    fsync, replace = os.fsync, os.replace

    def flush(descriptor: int) -> None:
        calls.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    def rename(source: str, target: str) -> None:
        calls.append(f"{Path(source).name} -> {Path(target).name}")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(os, "replace", rename)
    write_tensors(tmp_path / "a", {}, {})
    first, second, third = calls
    temporary = Path(first).name
    assert temporary.startswith(".a.")
    assert temporary.endswith(".tmp")
    assert second == f"{temporary} -> a"
    assert third == str(tmp_path.resolve())


def test_links_and_modes_are_kept(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_tensors(tmp_path / "link", {"a": np.ones(2)}, {})
    assert (tmp_path / "link").is_symlink()
    assert load_file(tmp_path / "real").keys() == {"a"}
    (tmp_path / "plain").touch()
    modes = {(tmp_path / name).stat().st_mode for name in ("real", "plain")}
    assert len(modes) == 1  # what the umask says, as of any other file


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_tensors(tmp_path / "none" / "a", {}, {})
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        write_tensors(tmp_path / "folder", {}, {})
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]
    with pytest.raises(FileNotFoundError):
        read_tensors(tmp_path / "none")
