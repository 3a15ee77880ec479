"""Which settings of the host may stand in the configuration, beside connections and policy?"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from daemon.duration import Duration

FilePath = Annotated[str, Meta(pattern=r"^/.")]
"""An absolute path."""


class CrashSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    delay: Duration = "10s"
    delay_max: Duration = "1h"


class OurClient(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Our own application at a provider that speaks OAuth."""

    client_id: Annotated[str, Meta(pattern=r"^[\x21-\x39\x3b-\x7e]+\Z", max_length=1024)]
    client_secret_file: FilePath | None = None


class CacheSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of the answers to programs' calls is kept; with 0 nothing is."""

    bytes_max: Annotated[int, Meta(ge=0, le=2**40)] = 256 * 1024**2


class MonitoringSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether tenants who said nothing consent to more than syncing goes by."""

    consent: Literal["assumed", "required"] = "assumed"


class ReadModelSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how long retries that have ended stay in the SQL file one by one."""

    retries_kept: Duration = "7d"


class TokenSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how long a token must still be good when a sync begins, else it is refreshed first."""

    refresh_before: Duration = "30m"
    refresh_before_manual: Duration = "5m"
