"""Sizes and widths of networks that halve or double H and W."""


def channels_at(resolution: int, channel_base: int, channel_max: int) -> int:
    """Feature maps at a resolution: channel_base / resolution, at most channel_max."""
    return min(channel_base // resolution, channel_max)


def resolutions_to(resolution: int) -> list[int]:
    """4, 8, ... up to a resolution."""
    return [2**i for i in range(2, resolution.bit_length())]


def check_resolution(resolution: int, smallest: int, largest: int = 1024) -> None:
    """Raises ValueError unless a resolution is a power of two within bounds."""
    if resolution < smallest or resolution > largest or resolution & (resolution - 1):
        raise ValueError(
            f"resolution must be a power of two from {smallest} to {largest}. "
            f"Received: {resolution}."
        )


def check_channel_base(channel_base: int, resolution: int) -> None:
    """Raises ValueError if the largest feature maps would have no channel."""
    if channel_base < resolution:
        raise ValueError(
            f"channel_base must be at least the resolution, {resolution}. Received: {channel_base}."
        )
