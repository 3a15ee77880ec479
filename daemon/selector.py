"""What does a JMESPath expression select from a provider's answer?"""

from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError


class BadExpression(Exception):
    """The expression is no JMESPath, or cannot be applied to this document."""


def check(expression: str) -> None:
    """Raise BadExpression unless `expression` can be compiled."""
    try:
        jmespath.compile(expression)
    except (JMESPathError, RecursionError):
        raise BadExpression(f"{expression[:80]!r} is not a JMESPath expression") from None


def select(expression: str, document: Any) -> Any:
    """Return what `expression` selects, None where there is nothing. Raises BadExpression."""
    try:
        return jmespath.search(expression, document)
    except (JMESPathError, RecursionError, ValueError, TypeError):
        raise BadExpression(f"{expression[:80]!r} does not apply to the answer") from None


def is_entrywise(expression: str) -> bool:
    """Say whether what it selects of a list is what it selects of each entry alone, joined.

    So it is where it flattens or filters that very list, and applies all the rest to what is left.
    """
    try:
        tree = jmespath.compile(expression).parsed
    except (JMESPathError, RecursionError):
        return False
    match tree["type"], tree["children"]:
        case "filter_projection" | "projection", [{"type": "identity"}, *_]:
            return True
        case "projection", [{"type": "flatten", "children": [{"type": "identity"}]}, _]:
            return True
        case _:
            return False
