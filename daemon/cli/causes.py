"""What went wrong with a call or a sync, in a few words?"""

from events.terms import FailureClass

CAUSES = {
    FailureClass.NETWORK: "the connection failed or broke",
    FailureClass.TIMEOUT: "it took too long",
    FailureClass.RATE_LIMITED: "too many requests",
    FailureClass.SERVER: "the provider failed",
    FailureClass.AUTH: "the credential was refused",
    FailureClass.NOT_FOUND: "nothing is there",
    FailureClass.INVALID: "the request was refused",
    FailureClass.MALFORMED: "the answer is not what the provider's file declares",
    FailureClass.EMPTY: "the answer was empty",
    FailureClass.RETIRED: "it was switched off for good",
    FailureClass.CANCELLED: "it was cancelled",
    FailureClass.INTERNAL: "rounds itself failed",
}


OF_CALLS = CAUSES | {
    FailureClass.RETIRED: "what is there is gone for good",
    FailureClass.CANCELLED: "its time ran out, or its connection changed meanwhile",
}
"""One thing may be gone where its provider is not, and nobody took a call back."""


def of_call(cause: FailureClass) -> str:
    """For a program's call, also one that waits."""
    return OF_CALLS[cause]
