"""What is kept in files, and how: safetensors, plain data, whole writes.

Design: one format for everything, https://github.com/huggingface/safetensors, read and
written with NumPy alone. Arrays are its tensors; all else is one JSON text in its
metadata. Nothing in a file is executed: it can only name classes that are ``storable``.
"""

from .plain import storable
from .record import digest, read_record, write_record
from .safetensors import read_tensors, write_tensors

__all__ = [
    "digest",
    "read_record",
    "read_tensors",
    "storable",
    "write_record",
    "write_tensors",
]
