"""Where randomness comes from: a seed is the digest of what it is for, so no draw depends on another."""

from __future__ import annotations

from hashlib import blake2b


def seed_of(*parts: str | int) -> int:
    """A seed of 63 bits from names and numbers, e.g. `seed_of(run_seed, generation, task.id, sample)`.

    Each part is encoded with its kind and its length: ("a", "b"), ("ab",) and (1,), ("1",) all differ.
    """
    digest = blake2b(digest_size=8)
    for part in parts:
        kind, text = (b"i", str(int(part))) if isinstance(part, int) else (b"s", part)
        data = text.encode("utf-8")
        digest.update(kind + len(data).to_bytes(8, "big") + data)
    return int.from_bytes(digest.digest(), "big") >> 1
