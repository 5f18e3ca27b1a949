"""A request's headers as rules see them."""

from collections.abc import Iterator, Mapping


class RuleHeaders(Mapping[str, str]):
    """A request's headers under the names that rules know them by: `x_token` for `X-Token`. Made on demand."""

    __slots__ = ("_headers",)

    def __init__(self, headers: dict[bytes, bytes]) -> None:
        self._headers = headers

    def __getitem__(self, name: str) -> str:
        for header, value in self._headers.items():
            if header.decode("latin-1").replace("-", "_") == name:
                return value.decode("utf-8", "replace")
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (header.decode("latin-1").replace("-", "_") for header in self._headers)

    def __len__(self) -> int:
        return len(self._headers)
