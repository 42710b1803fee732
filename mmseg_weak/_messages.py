"""What other programs' errors and damaged files say, as part of one line."""


def reason_of(error: BaseException, most: int = 160) -> str:
    """The text of an error in one line, cut where a damaged file made it long.

    Args:
        error (BaseException): Any.
        most (int): Characters. Defaults to 160.

    Returns:
        str: Its kind where it has no text.
    """
    return shortened(' '.join(str(error).split()) or type(error).__name__, most)


def shortened(text: object, most: int = 160) -> str:
    """The beginning of a text.

    Args:
        text (object): A text, or what has one.
        most (int): Characters. Defaults to 160.
    """
    text = str(text)
    return text if len(text) <= most else f'{text[:most]} ...'
