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
