"""Pickles put together opcode by opcode, and files of torch.save around them."""

import pickle
import zipfile

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
SYSTEM = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {}}


def value(obj) -> bytes:
    """Opcodes that push a plain value."""
    return pickle.dumps(obj, 2)[2:-1]


def name(module: str, attribute: str) -> bytes:
    """Opcodes that push what a name stands for."""
    return f"c{module}\n{attribute}\n".encode()


def call(function: bytes, *arguments: bytes) -> bytes:
    """Opcodes that push the result of a call."""
    return function + b"(" + b"".join(arguments) + b"tR"


def storage(key="0", length=4, kind="FloatStorage", *more) -> bytes:
    """Opcodes that push a storage."""
    parts = [value("storage"), name("torch", kind), value(key), value("cpu"), value(length)]
    return b"(" + b"".join(parts) + b"".join(map(value, more)) + b"tQ"


def persistent(persistent_id=("storage", "odd", "0", "cpu", 4)) -> bytes:
    """Opcodes that push what a persistent id stands for."""
    return value(persistent_id) + b"Q"


def tensor(size, stride, offset=0, stored=None, *more: bytes) -> bytes:
    """Opcodes that push a tensor; `more` are arguments after the hooks."""
    arguments = [stored or storage(), value(offset), value(size), value(stride), value(False)]
    return call(name("torch._utils", "_rebuild_tensor_v2"), *arguments, value(None), *more)


def checkpoint(beside: bytes) -> bytes:
    """A pickle that makes {"before": ..., "state_dict": {"weight": a tensor}, "after": ...}."""
    state = b"}" + value("weight") + tensor((4,), (1,)) + b"s"
    parts = [("before", beside), ("state_dict", state), ("after", beside)]
    return b"\x80\x02}" + b"".join(value(key) + made + b"s" for key, made in parts) + b"."


def archive_of(path, beside: bytes, numbers: bytes):
    """Writes a checkpoint of the newer kind of torch.save; returns its path."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("any/data.pkl", checkpoint(beside))
        file.writestr("any/data/0", numbers)
    return path


def stream_of(path, beside: bytes, numbers: bytes):
    """Writes a checkpoint of the older kind of torch.save; returns its path."""
    parts = [pickle.dumps(x, 2) for x in (MAGIC, PROTOCOL, SYSTEM)]
    parts += [checkpoint(beside), pickle.dumps(["0"], 2)]
    parts += [(4).to_bytes(8, "little") + numbers]
    path.write_bytes(b"".join(parts))
    return path


def whole(opcodes: bytes) -> bytes:
    """A pickle that makes {"weight": what the opcodes push}."""
    return b"\x80\x02}" + value("weight") + opcodes + b"s."


def archive(path, opcodes: bytes, stored=None, compression=zipfile.ZIP_STORED, order=b"little"):
    """Writes a file of the newer kind of torch.save; returns its path."""
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("any/data.pkl", whole(opcodes))
        file.writestr("any/byteorder", order)
        for key, data in ({"0": bytes(16)} if stored is None else stored).items():
            file.writestr(f"any/data/{key}", data)
    return path


def stream(path, opcodes: bytes, stored=None, system=SYSTEM):
    """Writes a file of the older kind of torch.save; returns its path.

    Args:
      path: of the file.
      opcodes: that push the tensor "weight".
      stored: (length that the file claims, bytes) by storage key.
      system: what the file says about the machine.
    """
    stored = {"0": (4, bytes(16))} if stored is None else stored
    parts = [pickle.dumps(x, 2) for x in (MAGIC, PROTOCOL, system)]
    parts += [whole(opcodes), pickle.dumps(list(stored), 2)]
    parts += [length.to_bytes(8, "little") + data for length, data in stored.values()]
    path.write_bytes(b"".join(parts))
    return path
