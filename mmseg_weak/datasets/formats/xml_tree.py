"""XML as a tree of elements, without document types and entities."""

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from ..._messages import reason_of

MAX_DEPTH = 100


class _Refused(Exception):
    """The file asks for what is not read."""


def parse_xml(path: str, data: bytes) -> Element:
    """Parse the bytes of a file in the encoding that it declares.

    Args:
        path (str): The file, for messages.
        data (bytes): Its content.

    Returns:
        Element: The root.

    Raises:
        ValueError: It is not valid XML, its encoding is unknown, it is nested deeper than
            100 elements or it has a document type: entities are never expanded.
    """
    parser, builder, depth = expat.ParserCreate(), TreeBuilder(), 0

    def begin(name: str, attributes: dict) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise _Refused(f'nested deeper than {MAX_DEPTH} elements')
        builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name)

    def refuse(*_) -> None:
        raise _Refused('has a document type (<!DOCTYPE>); remove it, entities are not read')

    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
        return builder.close()
    except _Refused as error:
        raise ValueError(f'{path}: {error}') from None
    except (expat.ExpatError, LookupError, ValueError, AssertionError) as error:
        raise ValueError(f'{path}: not valid XML ({reason_of(error)})') from None
