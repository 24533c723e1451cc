"""For each format of bodies, what scores one while it arrives."""

from __future__ import annotations

from collections.abc import Collection

from scorer.service.codec.media_types import BodyType
from scorer.service.codec.ndjson import NDJSONScorer
from scorer.service.codec.results import ResponseFormat
from scorer.service.codec.rows import RowCodec
from scorer.service.codec.streaming import Sample, StreamingScorer


def start(
    body_type: BodyType,
    codec: RowCodec,
    response_format: ResponseFormat,
    max_rows: int,
    sample: Sample | None,
    sampled: Collection[str],
) -> StreamingScorer:
    """Starts an answer.

    Args:
        body_type: of the body.
        codec, response_format, max_rows, sample: as for StreamingScorer.
        sampled: the names of the columns that the sample needs.
    """
    if body_type.format == "arrow":
        from scorer.service.codec.arrow_body import ArrowScorer  # imports pyarrow

        return ArrowScorer(codec, response_format, max_rows, sample, sampled)
    if body_type.format == "csv":
        from scorer.service.codec.csv_body import CSVScorer  # here: most servers do not need it

        return CSVScorer(body_type.header, codec, response_format, max_rows, sample, sampled)
    if body_type.format == "ndjson":
        return NDJSONScorer(codec, response_format, max_rows, sample)
    return StreamingScorer(codec, response_format, max_rows, sample)
