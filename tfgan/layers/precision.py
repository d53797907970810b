"""Number formats that a network can compute in, by name."""

PRECISIONS = {"float32": "float32", "float16": "mixed_float16", "bfloat16": "mixed_bfloat16"}


def check_precision(precision: str) -> None:
    """Raises ValueError unless `precision` is known."""
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {list(PRECISIONS)}. Received: {precision!r}.")
