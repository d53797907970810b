"""Names of the arithmetic that a network may be asked to use."""

PRECISIONS = {"float32": "float32", "float16": "mixed_float16", "bfloat16": "mixed_bfloat16"}


def check_precision(precision: str) -> None:
    """Raises ValueError unless `precision` is one that has a dtype policy."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {list(PRECISIONS)}. Received: {precision!r}.")
