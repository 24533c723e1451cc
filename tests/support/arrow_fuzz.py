"""Mutated Arrow streams, for a process of its own: a crash of pyarrow ends it.

`python -m tests.support.arrow_fuzz COUNT SEED [files]` prints how many of COUNT mutations were answered and refused
how, the longest time of one, and the most memory. It ends with 1 where one was answered by what would be a 500. With
`files` they are files that `scorer score` reads, where it would be a traceback.
"""

from __future__ import annotations

import io
import random
import resource
import struct
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal

import pyarrow as pa

import scorer
from scorer import formats
from scorer.batches import BatchScorer
from scorer.errors import ScorerError
from scorer.service.codec.media_types import BodyType, default_answer
from scorer.service.codec.options import Options
from scorer.service.codec.rows import RowCodec
from scorer.service.codec.scorers import start
from scorer.service.problems import TABLE

MODEL = scorer.load()
CODEC = RowCodec(MODEL)
FORMATS = [
    CODEC.response_format(Options(report=report, variables=variables), default_answer("arrow"))
    for report in (False, True)
    for variables in (False, True)
]
MAX_ROWS = 100_000
MEMORY_BYTES = 8 << 30
EXTREMES = (0, 1, -1, 7, 8, 255, 65_535, 2**31 - 1, -(2**31), 2**32, 2**60, 2**62 + 5, 2**63 - 1, -(2**63))


def stream(*batches: pa.RecordBatch, **options: object) -> bytes:
    """An Arrow stream of these batches."""
    file = io.BytesIO()
    with pa.ipc.new_stream(file, batches[0].schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return file.getvalue()


def _levels(*levels: str | None) -> pa.DictionaryArray:
    return pa.array(levels).dictionary_encode()


def _batch(**columns: object) -> pa.RecordBatch:
    return pa.record_batch({name: pa.array(values) for name, values in columns.items()})


def seeds() -> dict[str, bytes]:
    """Streams of every kind of column, valid ones."""
    days = ["monday", "Tuesday", None, "sunday", "x"] * 3
    money = ["$1.5", "($1,204.50)", None, "NA", "3"] * 3
    numbers = [1.5, None, -3.0, 0.0, 7.25] * 3
    texts = _batch(x5=days, x12=money, x44=numbers, x91=[str(n or "") for n in numbers], note=days)
    wide = pa.record_batch(
        {
            "x5": pa.array(days, pa.large_string()),
            "x12": pa.array(money, pa.string_view()),
            "x44": pa.array([1, 2, None] * 5, pa.int32()),
            "x53": pa.array([Decimal("1.25"), None, Decimal(3)] * 5, pa.decimal128(9, 3)),
            "x56": pa.array(numbers, pa.float16()),
            "x58": pa.array(numbers, pa.float32()),
            "x62": pa.nulls(15),
            "x31": _levels(*days).cast(pa.dictionary(pa.uint32(), pa.string_view())),
            "x91": pa.array(money, pa.string_view()),
        }
    )
    wrong = pa.record_batch({"x81": pa.array([True, None]), "x12": pa.array(["$x", "$1"], pa.string_view())})
    lists = pa.record_batch({"x5": pa.array(["monday"]), "x91": pa.array([[1]])})
    levels = _batch(x5=_levels("monday", "friday", None), x81=_levels("May", None, "June"), x44=[1, 2, 3])
    more = _batch(x5=_levels("monday", "friday", "sunday"), x81=_levels("May", "June", "July"), x44=[4, 5, 6])
    other = _batch(x5=_levels("x", "y", "z"), x81=_levels("March", "x", None), x44=[7, 8, 9])
    names = pa.array(["monday", "x"])
    runs = pa.record_batch(
        {
            "x5": pa.RunEndEncodedArray.from_arrays([2, 5], names),
            "x81": pa.RunEndEncodedArray.from_arrays([1, 5], names.cast(pa.string_view())),
            "x44": pa.array([1, 2, 3, 4, 5]),
        }
    )
    nested = pa.record_batch(
        {
            "x5": pa.array(["monday", None]),
            "note": pa.array([[{"a": [1, 2]}], None]),
            "x0": pa.array([{"k": "v"}, None]),
        }
    )
    return {
        "texts": stream(texts, texts),
        "wide": stream(wide),
        "wrong": stream(wrong, wrong),
        "lists": stream(lists),
        "dictionaries": stream(levels, more, other),
        "deltas": stream(levels, more, emit_dictionary_deltas=True),
        "runs": stream(runs),
        "nested": stream(nested, nested),
        "empty": stream(texts.slice(0, 0)),
        "lz4": stream(texts, compression="lz4"),
        "zstd": stream(levels, compression="zstd"),
    }


def messages(data: bytes) -> list[bytes]:
    """The messages of a valid stream."""
    found, reader, start = [], pa.ipc.MessageReader.open_stream(data), 0
    for message in reader:
        end = start + len(message.serialize())
        found.append(data[start:end])
        start = end
    return [*found, data[start:]]


def _place(parts: list[bytes], chance: random.Random) -> int:
    """A place in a stream, half of the times in what follows a message's metadata: a change there reaches the cells."""
    which = chance.randrange(len(parts) - 1)
    before = sum(map(len, parts[:which]))
    size = len(parts[which])
    metadata = 8 + struct.unpack_from("<i", parts[which], 4)[0]
    first = metadata if size > metadata + 8 and chance.random() < 0.5 else 0
    return before + chance.randrange(first, size - 7)


def mutate(data: bytes, parts: list[bytes], chance: random.Random) -> bytes:
    """A stream with one or a few things wrong."""
    kind = chance.randrange(7)
    if kind == 0:
        return data[: chance.randrange(len(data))]
    if kind == 1:  # messages repeated, left out, in another order
        chosen = chance.choices(parts, k=chance.randrange(1, len(parts) + 2))
        return b"".join([*(parts[:1] if chance.random() < 0.8 else []), *chosen, *parts[-chance.randrange(2) :]])
    changed = bytearray(data)
    if kind == 2:
        start = chance.randrange(len(data))
        changed[start : start + chance.randrange(9)] = chance.randbytes(chance.randrange(17))
        return bytes(changed)
    for _ in range(chance.choice((1, 1, 2, 4))):
        if kind in (3, 4):  # lengths, offsets, sizes, counts, indices of dictionaries
            pattern = chance.choice(("<i", "<q", "<h"))
            place = _place(parts, chance) & -struct.calcsize(pattern)
            bits = 8 * struct.calcsize(pattern)
            value = chance.choice(EXTREMES) if chance.random() < 0.7 else chance.randrange(1000)
            struct.pack_into(pattern, changed, place, (value + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1))
        else:
            changed[_place(parts, chance)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def answer(body: bytes, chance: random.Random) -> str:
    """How a body is answered: "answered", or the name of the error.

    Raises:
        Exception: whatever would be a 500.
    """
    scoring = start(BodyType("arrow"), CODEC, chance.choice(FORMATS), MAX_ROWS, None, ())
    size = chance.choice((3, 100, 1_000, len(body) + 1))
    try:
        for place in range(0, len(body), size):
            scoring.feed(body[place : place + size])
        pa.ipc.open_stream(scoring.finish()).read_all().validate(full=True)
    except ScorerError as error:
        if type(error) not in TABLE:
            raise
        return type(error).__name__
    return "answered"


def score_file(data: bytes, _chance: random.Random) -> str:
    """As `answer`, but of `scorer score` to a file."""
    batches = BatchScorer(MODEL, "rows", missing_columns=True, report=True)
    try:
        rows = 0
        for batch in formats.read(io.BytesIO(data), "arrows", "rows", batches.wanted):
            batches.score(batch, rows)
            rows += batch.count
            if rows > MAX_ROWS:  # nulls take no bytes, and a file may say that it has any number
                break
    except ScorerError as error:
        return type(error).__name__
    return "answered"


def bodies(count: int, seed: int) -> Iterator[tuple[bytes, random.Random]]:
    """Mutations, the same ones for the same seed, each with the chance that it is sent by."""
    streams = list(seeds().values())
    cut = [messages(data) for data in streams]
    for index in range(count):
        chance = random.Random(seed * 1_000_000_007 + index)
        which = chance.randrange(len(streams))
        yield mutate(streams[which], cut[which], chance), chance


def main(count: int, seed: int, answering: Callable[[bytes, random.Random], str]) -> int:
    """Sends mutations, and says what came of them."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    outcomes: Counter[str] = Counter()
    longest = 0.0
    for index, (body, chance) in enumerate(bodies(count, seed)):
        began = time.perf_counter()
        try:
            outcomes[answering(body, chance)] += 1
        except Exception:
            outcomes["fault"] += 1
            if outcomes["fault"] <= 10:
                print(f"mutation {index} of seed {seed}: {traceback.format_exc()}", file=sys.stderr)
        longest = max(longest, time.perf_counter() - began)
    print(*(f"{name} {times}" for name, times in sorted(outcomes.items())), sep="\n")
    print(f"longest {longest:.3f} s, most memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")
    return int(outcomes["fault"] > 0)


if __name__ == "__main__":
    count, seed, *files = sys.argv[1:]
    sys.exit(main(int(count), int(seed), score_file if files == ["files"] else answer))
