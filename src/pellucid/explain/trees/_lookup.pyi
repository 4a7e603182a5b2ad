from typing import Any

def look_up(
    version: str,
    arrays: tuple[Any, ...],
    codes: Any,
    out: Any,
    count: int,
    features: int,
    players: int,
    most_nodes: int,
    /,
) -> None: ...
def versions() -> list[str]: ...
