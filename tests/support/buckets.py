"""A bucket on an S3 endpoint, as another program sees it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import boto3

BUCKET = "rows"


class Bucket:
    """The bucket as boto3 sees it, and the requests that it got."""

    def __init__(self, variables: dict[str, str], log: Path) -> None:
        self.variables = variables
        self._log = log
        self._seen = 0
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
        self._client: Any = boto3.client("s3", endpoint_url=variables["AWS_ENDPOINT_URL"], **keys)

    def put(self, directory: Path, prefix: str) -> None:
        for path in directory.rglob("*"):
            if path.is_file():
                self.put_object(f"{prefix}{path.relative_to(directory)}", path.read_bytes())

    def put_object(self, key: str, data: bytes) -> None:
        self._client.put_object(Bucket=BUCKET, Key=key, Body=data)

    def get(self, prefix: str) -> dict[str, bytes]:
        """The objects below a prefix, by the rest of their keys."""
        listed = self._client.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        keys = [each["Key"] for each in listed]
        return {
            key.removeprefix(prefix): self._client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys
        }

    def uploads(self) -> list[str]:
        """The keys of uploads that were begun, and neither ended nor aborted."""
        return [each["Key"] for each in self._client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])]

    def requests(self) -> list[str]:
        """Method and path of the requests since this was last asked for."""
        found = re.findall(r'"(?:\x1b\[[\d;]*m)*([A-Z]+ \S+) HTTP', self._log.read_text())
        new, self._seen = found[self._seen :], len(found)
        return new
